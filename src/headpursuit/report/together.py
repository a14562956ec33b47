"""The pages of several studies in one file, a tab for each."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from markupsafe import Markup

from headpursuit.report.pages import PAGE, render, templates
from headpursuit.storage import write_bytes


def render_together(folder: Path | str, title: str, studies: Mapping[str, Path]) -> Path:
    """Render the pages of some finished studies, and put them into one page.

    Args:
        folder: Where it is written, as `report.html`.
        title: Of the page.
        studies: The studies' folders, by the name of their tab; the first is shown first.

    Returns:
        The path of the page. Each study's own page is written into its folder too.

    Raises:
        FileNotFoundError: If there is no such study.
        ValueError: If one is unfinished, damaged or something else.
    """
    pages = {name: render(study).read_text(encoding="utf-8") for name, study in studies.items()}
    style = Markup(resources.files("headpursuit.report").joinpath("style.css").read_text(encoding="utf-8"))
    page = templates().get_template("together.html.j2").render(title=title, pages=pages, style=style)
    write_bytes(Path(folder) / PAGE, page.encode("utf-8", "replace"))
    return Path(folder) / PAGE
