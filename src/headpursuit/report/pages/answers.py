"""The page of a study of answers."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headpursuit.heads import Head
from headpursuit.report.heatmap_picture import draw_heatmap
from headpursuit.report.page import Page
from headpursuit.report.parts import examples
from headpursuit.report.parts.arms import ArmDot, draw_panels
from headpursuit.report.parts.confusions import MOST_CLASSES, class_rows, confusions
from headpursuit.report.parts.heads import heads_script, heads_style, ranked_data, ranked_heads
from headpursuit.report.parts.sheets import dose_dots, sheet_table
from headpursuit.report.parts.tables import arm_rows, key_figures, settings
from headpursuit.report.parts.thumbnails import embedded
from headpursuit.report.parts.titles import target_scores
from headpursuit.report.wording import number, short_name
from headpursuit.studies import StudyResult

_GROUPS = {"target": "target questions", "unrelated": "unrelated questions"}


def page(folder: Path) -> Page:
    """The page of the study in a folder.

    Raises:
        FileNotFoundError: If there is no study.
        ValueError: If it is unfinished, damaged, something else, or lacks the unedited or the edited arm.
    """
    result = StudyResult.load(folder)
    for kind in ("base", "edit"):
        if not result.arms_of(kind):
            raise ValueError(f"the study in {folder} has no {kind} arm; there is nothing to compare")
    return page_of(result, embedded(folder, _in_order_of_display(result)))


def page_of(result: StudyResult, thumbnails: Mapping[str, str] | None = None) -> Page:
    """The page of a study.

    Args:
        result: A finished study.
        thumbnails: Data addresses of small images, by their names in the study's folder; an image that is not among
            them is named only.
    """
    edited = result.arms_of("edit")[0].heads
    title = f"{result.config.task} on {short_name(result.config.model)}: {result.verdict.outcome}"
    return Page(
        "pages/answers.html.j2",
        title,
        {**_content(result), **ranked_heads(result.ranking, result.notes, edited), "thumbnails": thumbnails or {}},
        ranked_data(result.ranking, result.notes, edited),
        style=heads_style(),
        script=heads_script(),
        figures={
            "heatmap": lambda: draw_heatmap(result.ranking, heads=sorted(map(Head.parse, edited))),
            "arms": lambda: draw_arms(result),
        },
    )


def draw_arms(result: StudyResult) -> Any:
    """The score of every arm with its interval, as a figure of matplotlib."""
    panels = {_GROUPS[group]: rows for group, rows in _panels_of(result).items()}
    model = f"{result.concept}, {short_name(result.config.model)}"
    title = f"{model}: {len(result.edit.heads)} heads × {number(result.scale)}"
    return draw_panels(panels, title, [target_scores(result), "fraction of answers that are right"])


def _groups_of(result: StudyResult) -> tuple[str, ...]:
    """The groups of questions that the study has."""
    return tuple(group for group in _GROUPS if getattr(result.arms[0], group) is not None)


def _panels_of(result: StudyResult) -> dict[str, tuple[ArmDot, ...]]:
    """The score of every arm, by group."""
    return {
        group: tuple((arm.kind, arm.name, getattr(arm, group).score) for arm in result.arms)
        for group in _groups_of(result)
    }


def _in_order_of_display(result: StudyResult) -> list[str]:
    """The images' names: what is seen at once, then what is folded away."""
    groups = [examples.examples_of(result, group) for group in _groups_of(result)]
    first = [e for group in groups for e in group[: examples.SHOWN]]
    return [e.thumbnail for e in first + [e for group in groups for e in group[examples.SHOWN :]]]


def _content(result: StudyResult) -> dict[str, Any]:
    groups, panels = _groups_of(result), _panels_of(result)
    return {
        "result": result,
        "settings": settings(result.config, result.ranking),
        "edit": result.edit,
        "base": result.arms_of("base")[0],
        "key_figures": key_figures(result),
        "arm_rows": arm_rows(result),
        "panels": panels,
        "tops": {group: _top(rows) for group, rows in panels.items()},
        "answered": {group: getattr(result.arms[0], group).exact is not None for group in groups},
        "scored": target_scores(result),
        "dose_dots": dose_dots(result.sheet) if result.sheet else (),
        "dose_table": sheet_table(result.sheet) if result.sheet else None,
        "example_columns": examples.columns(result),
        "groups": groups,
        "confusions": confusions(result),
        "most_classes": MOST_CLASSES,
        "class_rows": class_rows(result),
        "examples": {group: examples.examples_of(result, group) for group in groups},
        "examples_shown": examples.SHOWN,
        "examples_rule": examples.RULE,
    }


def _top(rows: Sequence[ArmDot]) -> float:
    """The end of a panel: 1 for fractions."""
    return max([1.0, *(math.ceil(estimate.high * 4) / 4 for _, _, estimate in rows)])
