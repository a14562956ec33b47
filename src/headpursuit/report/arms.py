"""The picture of a study's arms: a dot and its 95 % interval for each, on both groups of questions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headpursuit.report import captioning, pictures, wording
from headpursuit.studies.experiments.captions import CaptioningResult
from headpursuit.studies.results import ArmKind, Estimate, StudyResult

ArmDot = tuple[ArmKind, str, Estimate]
"""Kind, name and figure of an arm."""

GROUPS = {"target": "target questions", "unrelated": "unrelated questions"}

_LOOK = {
    "base": ("o", "#222222", "white"),
    "edit": ("s", "#5e3c99", "#5e3c99"),
    "image": ("s", "#5e3c99", "white"),
    "text": ("s", "#5e3c99", "white"),
    "dose": ("^", "#5e3c99", "white"),
    "matched": ("o", "#777777", "#777777"),
    "random": ("o", "#777777", "#bbbbbb"),
    "other": ("D", "#b35806", "#b35806"),
}


def groups_of(result: StudyResult) -> tuple[str, ...]:
    """The groups of questions that the study has."""
    return tuple(group for group in GROUPS if getattr(result.arms[0], group) is not None)


def panels_of(result: StudyResult) -> dict[str, tuple[ArmDot, ...]]:
    """The score of every arm, by group."""
    return {
        group: tuple((arm.kind, arm.name, getattr(arm, group).score) for arm in result.arms)
        for group in groups_of(result)
    }


def arms_chart(result: StudyResult | CaptioningResult, path: Path | str) -> Path:
    """Write the picture that `draw_arms` draws.

    Args:
        result: A finished study.
        path: Picture to write; its ending says the format: .png, .svg or .pdf.

    Returns:
        `path`.

    Raises:
        ValueError: If the format is unknown.
    """
    path = Path(path)
    pictures.check_format(path)
    with pictures.style():
        pictures.write(draw_arms(result), path)
    return path


def draw_arms(result: StudyResult | CaptioningResult) -> Any:
    """Draw the score of every arm with its interval; in a study of captions, the fraction that names the concept.

    Args:
        result: A finished study.

    Returns:
        A figure of matplotlib, which a notebook shows.
    """
    if isinstance(result, CaptioningResult):
        both = {captioning.NOUNS[direction]: rows for direction, rows in captioning.panels(result).items()}
        return _chart(both, _model_of(result), ["fraction of captions that name the concept"] * len(both))
    panels = {GROUPS[group]: rows for group, rows in panels_of(result).items()}
    title = f"{_model_of(result)}: {len(result.edit.heads)} heads × {wording.number(result.scale)}"
    return _chart(panels, title, [wording.target_scores(result), "fraction of answers that are right"])


def _model_of(result: StudyResult | CaptioningResult) -> str:
    return f"{result.concept}, {Path(result.config.model).name}"


def _chart(panels: Mapping[str, Sequence[ArmDot]], title: str, labels: Sequence[str]) -> Any:
    """A panel of dots for each group of arms; panels with the same arms share their names."""
    from matplotlib.figure import Figure

    names = [[name for _, name, _ in rows] for rows in panels.values()]
    alike = all(each == names[0] for each in names)
    with pictures.style():
        size = (8.4 if alike else 11.0, 1.4 + 0.26 * max(map(len, names)))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(1, len(panels), sharey=alike, squeeze=False, gridspec_kw={"wspace": 0.08})[0]
        for panel, (heading, rows), label in zip(axes, panels.items(), labels, strict=False):
            _draw(panel, rows, heading, label)
        for panel, of_panel in zip(axes[:1] if alike else axes, names, strict=False):
            panel.set_yticks(range(len(of_panel)))
            panel.set_yticklabels(of_panel, parse_math=False)
            panel.invert_yaxis()
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11, parse_math=False)
    return figure


def _draw(panel: Any, rows: Sequence[ArmDot], title: str, label: str) -> None:
    for row, (kind, _, estimate) in enumerate(rows):
        shape, line, fill = _LOOK[kind]
        panel.plot([estimate.low, estimate.high], [row, row], color=line, linewidth=1.4, zorder=2)
        panel.plot(estimate.value, row, shape, color=line, markerfacecolor=fill, markersize=6, zorder=3)
    base = next((estimate.value for kind, _, estimate in rows if kind == "base"), None)
    if base is not None:
        panel.axvline(base, color="#222222", linestyle=":", linewidth=1, zorder=1)
    if all(estimate.high <= 1 for _, _, estimate in rows):
        panel.set_xlim(-0.02, 1.02)
        panel.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    panel.set_title(title, loc="left", fontsize=10)
    panel.set_xlabel(label)
    panel.grid(axis="x", color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
