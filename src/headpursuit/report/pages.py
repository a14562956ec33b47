"""One self-contained page for a finished study.

Everything is inside the file: no font, script, style or picture is loaded from elsewhere, and the page's
content policy forbids it. Whatever a model wrote is escaped: in the page, in the embedded data, and in the
labels of the heatmap.
"""

from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from headpursuit.heads import Head
from headpursuit.report import examples, wording
from headpursuit.report.arms import arms_chart
from headpursuit.report.heatmaps import heatmap
from headpursuit.report.interactive import heatmap_data
from headpursuit.report.tables import arm_rows, head_rows, key_figures, settings
from headpursuit.storage import write_bytes
from headpursuit.studies.results import StudyResult

FIGURES = "figures"
PAGE = "report.html"


def render(study_folder: Path | str) -> Path:
    """Write a study's page and pictures into its folder, over any that are there.

    Args:
        study_folder: A finished study; nothing else is read, and no model is loaded.

    Returns:
        The path of `report.html`. Beside it: `figures/heatmap` and `figures/arms`, as .png and .svg.

    Raises:
        FileNotFoundError: If there is no study.
        ValueError: If it is unfinished, damaged, something else, or lacks the unedited or the edited arm.
    """
    folder = Path(study_folder)
    result = StudyResult.load(folder)
    for kind in ("base", "edit"):
        if not result.arms_of(kind):
            raise ValueError(f"the study in {folder} has no {kind} arm; there is nothing to compare")
    page = page_of(result)
    figures = folder / FIGURES
    figures.mkdir(exist_ok=True)
    edited = tuple(Head.parse(name) for name in result.arms_of("edit")[0].heads)
    for ending in ("png", "svg"):
        heatmap(result.ranking, figures / f"heatmap.{ending}", heads=edited)
        arms_chart(result, figures / f"arms.{ending}")
    # Half a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a question mark.
    write_bytes(folder / PAGE, page.encode("utf-8", "replace"))
    return folder / PAGE


def page_of(result: StudyResult) -> str:
    """The page as text; the same study gives the same page."""
    environment = Environment(
        loader=PackageLoader("headpursuit", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        rate=wording.rate,
        change=wording.change,
        interval=wording.interval,
        score=wording.score,
        number=wording.number,
        z_score=wording.z_score,
        amount=wording.amount,
        p_value=wording.p_value,
        token=wording.token,
        answer=wording.answer,
    )
    return environment.get_template("template.html.j2").render(_content(result))


def _content(result: StudyResult) -> dict[str, Any]:
    from plotly.offline import get_plotlyjs

    return {
        "result": result,
        "model_name": Path(result.config.model).name or result.config.model,
        "edit": result.arms_of("edit")[0],
        "base": result.arms_of("base")[0],
        "key_figures": key_figures(result),
        "arm_rows": arm_rows(result),
        "head_rows": head_rows(result),
        "settings": settings(result),
        "example_columns": examples.columns(result),
        "examples": {group: examples.examples_of(result, group) for group in ("target", "unrelated")},
        "examples_shown": examples.SHOWN,
        "examples_rule": examples.RULE,
        "heatmap": heatmap_data(result),
        "style": _own("style.css"),
        "script": _own("page.js"),
        "plotly": Markup(get_plotlyjs()),
    }


def _own(name: str) -> Markup:
    return Markup(resources.files("headpursuit.report").joinpath(name).read_text(encoding="utf-8"))
