"""One self-contained page for a finished study.

Everything is inside the file: no font, script, style or picture is loaded from elsewhere, and the page's
content policy forbids it. Whatever a model wrote is escaped: in the page, in the embedded data, and in the
labels of the heatmap.
"""

import math
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from headpursuit.analysis.rankers import RANKERS
from headpursuit.heads import Head
from headpursuit.report import captioning, examples, wording
from headpursuit.report.arms import ArmDot, arms_chart, groups_of, panels_of
from headpursuit.report.captioning import ShownImage
from headpursuit.report.confusions import MOST_CLASSES, class_rows, confusions
from headpursuit.report.examples import ShownExample
from headpursuit.report.heatmaps import heatmap
from headpursuit.report.interactive import heatmap_data
from headpursuit.report.sheets import dose_dots, scales_of, sheet_rows
from headpursuit.report.tables import arm_rows, head_rows, key_figures, settings
from headpursuit.report.thumbnails import embedded
from headpursuit.storage import write_bytes
from headpursuit.studies import CaptioningResult, StudyResult, load_result

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
    result = load_result(folder)
    if isinstance(result, StudyResult):
        for kind in ("base", "edit"):
            if not result.arms_of(kind):
                raise ValueError(f"the study in {folder} has no {kind} arm; there is nothing to compare")
    page = page_of(result, embedded(folder, _in_order_of_display(result)))
    figures = folder / FIGURES
    figures.mkdir(exist_ok=True)
    edited = tuple(sorted(Head.parse(name) for name in _edited(result)))
    for ending in ("png", "svg"):
        heatmap(result.ranking, figures / f"heatmap.{ending}", heads=edited)
        arms_chart(result, figures / f"arms.{ending}")
    # Half a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a question mark.
    write_bytes(folder / PAGE, page.encode("utf-8", "replace"))
    return folder / PAGE


def templates() -> Environment:
    """This folder's templates; whatever is put into them is escaped."""
    return Environment(
        loader=PackageLoader("headpursuit", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page_of(result: StudyResult | CaptioningResult, thumbnails: Mapping[str, str] | None = None) -> str:
    """The page as text; the same study gives the same page.

    Args:
        result: A finished study.
        thumbnails: Data addresses of small images, by their names in the study's folder; an image that is not among
            them is named only.
    """
    shared = _shared(result) | {"thumbnails": thumbnails or {}}
    if isinstance(result, CaptioningResult):
        return _environment().get_template("captioning.html.j2").render(shared | captioning.content(result))
    return _environment().get_template("template.html.j2").render(shared | _content(result))


def _environment() -> Environment:
    environment = templates()
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
        scales_of=scales_of,
        sheet_rows=sheet_rows,
    )
    return environment


def _edited(result: StudyResult | CaptioningResult) -> frozenset[str]:
    """The names of the heads that are rescaled."""
    if isinstance(result, CaptioningResult):
        return captioning.edited_heads(result)
    return frozenset(result.arms_of("edit")[0].heads)


def _in_order_of_display(result: StudyResult | CaptioningResult) -> Sequence[ShownExample | ShownImage]:
    """What is seen at once, then what is folded away."""
    if isinstance(result, CaptioningResult):
        return captioning.images_of(result)
    groups = [examples.examples_of(result, group) for group in groups_of(result)]
    first = [e for group in groups for e in group[: examples.SHOWN]]
    return first + [e for group in groups for e in group[examples.SHOWN :]]


def _shared(result: StudyResult | CaptioningResult) -> dict[str, Any]:
    """What every page shows."""
    from plotly.offline import get_plotlyjs

    edited = _edited(result)
    return {
        "result": result,
        "model_name": Path(result.config.model).name or result.config.model,
        "head_rows": head_rows(result.ranking, result.notes, edited),
        "ranker_what": RANKERS[result.ranking.ranker].what if result.ranking.ranker in RANKERS else "",
        "settings": settings(result.config, result.ranking),
        "heatmap": heatmap_data(result.ranking, result.notes, edited),
        "style": _own("style.css"),
        "script": _own("page.js"),
        "plotly": Markup(get_plotlyjs()),
    }


def _content(result: StudyResult) -> dict[str, Any]:
    model_name = Path(result.config.model).name or result.config.model
    return {
        "page_title": f"{result.config.task} on {model_name}: {result.verdict.outcome}",
        "edit": result.edit,
        "base": result.arms_of("base")[0],
        "key_figures": key_figures(result),
        "arm_rows": arm_rows(result),
        "panels": panels_of(result),
        "tops": {group: _top(rows) for group, rows in panels_of(result).items()},
        "answered": {group: getattr(result.arms[0], group).exact is not None for group in groups_of(result)},
        "scored": wording.target_scores(result),
        "dose_dots": dose_dots(result.sheet) if result.sheet else (),
        "example_columns": examples.columns(result),
        "groups": groups_of(result),
        "confusions": confusions(result),
        "most_classes": MOST_CLASSES,
        "class_rows": class_rows(result),
        "examples": {group: examples.examples_of(result, group) for group in groups_of(result)},
        "examples_shown": examples.SHOWN,
        "examples_rule": examples.RULE,
    }


def _top(rows: Sequence[ArmDot]) -> float:
    """Where a panel ends: at 1 for fractions."""
    return max([1.0, *(math.ceil(estimate.high * 4) / 4 for _, _, estimate in rows)])


def _own(name: str) -> Markup:
    return Markup(resources.files("headpursuit.report").joinpath(name).read_text(encoding="utf-8"))
