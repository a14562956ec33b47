"""Several pages in one file, a tab for each."""

from collections.abc import Mapping
from pathlib import Path

from headpursuit.report.page import Page
from headpursuit.report.pages import render


def render_tabs(folder: Path | str, title: str, results: Mapping[str, Path]) -> Path:
    """Render the pages of some finished folders, and put them into one page.

    Args:
        folder: Where it is written, as `report.html`.
        title: Of the page.
        results: Folders that `render` takes, by the name of their tab; the first is shown first.

    Returns:
        The path of the page. Each folder's own page is written into it too.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If one is unfinished, damaged or something else.
    """
    pages = {name: render(result).read_text(encoding="utf-8") for name, result in results.items()}
    return Page("tabs.html.j2", title, {"pages": pages}).write(Path(folder))
