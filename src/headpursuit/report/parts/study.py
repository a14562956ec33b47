"""The page of a study, of answers or of captions: its arms in rows, its settings, and all heads of the model."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any

from headpursuit.analysis import Ranking
from headpursuit.heads import Head
from headpursuit.report import wording
from headpursuit.report.heatmap_picture import draw_heatmap
from headpursuit.report.page import Page
from headpursuit.report.parts.heads import heads_script, heads_style, ranked_data, ranked_heads
from headpursuit.settings import written
from headpursuit.studies.results import ArmKind, ArmSummary, CaptionArm, Estimate, StudyConfig
from headpursuit.studies.results.study_result import RankedStudy

TITLES = {
    "base": "unedited model",
    "image": "ranked heads, image positions only",
    "text": "ranked heads, all but image positions",
    "matched": "random heads, same layers",
    "random": "random heads, any layer",
}
"""Descriptions of arms that are called alike in every study."""

_CONTROLS: tuple[ArmKind, ...] = ("matched", "random")


@dataclass(frozen=True)
class KeyFigure:
    """A large number with what it is."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class ArmRow:
    """An arm with its words."""

    name: str
    kind: ArmKind
    title: str
    arm: ArmSummary | CaptionArm | None
    """None for the mean of a kind of controls."""
    means: Mapping[str, Any]
    """Its figures without intervals, by their names in the results; those inside others by their names there."""


def study_page(
    result: RankedStudy,
    template: str,
    outcome: str,
    edited: Collection[str],
    content: Mapping[str, Any],
    draw_arms: Callable[[], Any],
) -> Page:
    """A page with the study's settings, the map of its ranking, and pictures of both ranking and arms.

    Args:
        result: A finished study.
        template: Of its page.
        outcome: The end of its title.
        edited: Names of the heads that are rescaled.
        content: Everything that the template shows beside what all studies have.
        draw_arms: The picture of its arms.
    """
    config, ranking = result.config, result.ranking
    shared = {"result": result, "settings": _settings(config, ranking)}
    return Page(
        template,
        f"{config.task} on {wording.short_name(config.model)}: {outcome}",
        {**shared, **content, **ranked_heads(ranking, result.notes, edited)},
        ranked_data(ranking, result.notes, edited),
        style=heads_style(),
        script=heads_script(),
        figures={
            "heatmap": lambda: draw_heatmap(ranking, heads=sorted(map(Head.parse, edited))),
            "arms": draw_arms,
        },
    )


def arm_rows(arms: Sequence[ArmSummary | CaptionArm], title: Callable[[Any], str]) -> tuple[ArmRow, ...]:
    """Every arm in the study's order, and after each kind of controls (of a direction) their mean."""
    rows = []
    for arm in arms:
        kind = _kind(arm)
        rows.append(ArmRow(arm.name, arm.kind, title(arm), arm, _means([arm])))
        alike = [other for other in arms if _kind(other) == kind]
        if arm.kind in _CONTROLS and len(alike) > 1 and arm is alike[-1]:
            rows.append(ArmRow(f"mean of {kind}", arm.kind, f"{len(alike)} draws", None, _means(alike)))
    return tuple(rows)


def _kind(arm: ArmSummary | CaptionArm) -> str:
    return "-".join(filter(None, (getattr(arm, "direction", None), arm.kind)))


def _means(figures: Sequence[Any]) -> dict[str, Any]:
    """The mean of every figure; NaN where there is none."""
    return {each.name: _mean([getattr(one, each.name) for one in figures]) for each in fields(figures[0])}


def _mean(values: Sequence[Any]) -> Any:
    given = [value for value in values if value is not None]
    if given and isinstance(given[0], Estimate):
        return wording.mean([value.value for value in given])
    if given and is_dataclass(given[0]):
        return _means(given)
    if given and isinstance(given[0], dict):
        return {name: _mean([value[name] for value in given]) for name in given[0]}
    return wording.mean([float(value) for value in given if isinstance(value, int | float)])


def _settings(config: StudyConfig, ranking: Ranking) -> tuple[tuple[str, str], ...]:
    """The configuration, flat, by the names it has on disk."""
    flat: dict[str, Any] = {}
    chosen = ("heads", "scale") if config.sweep else ()
    for key, value in asdict(config).items():
        shown = "chosen by the dose sheet" if key in chosen else value
        flat |= {f"{key}.{k}": v for k, v in shown.items()} if isinstance(shown, dict) else {key: shown}
    flat["unembedding_sha256"] = ranking.unembedding_sha256
    return tuple((key, _setting(value)) for key, value in flat.items())


def _setting(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return written(value)
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
