"""The picture of a study's arms: a dot and its 95 % interval for each, on both groups of questions."""

from pathlib import Path
from typing import Any

from headpursuit.report import pictures, wording
from headpursuit.studies.results import ArmSummary, StudyResult

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


def arms_chart(result: StudyResult, path: Path | str) -> Path:
    """Draw the contains-rate of every arm.

    Args:
        result: A finished study.
        path: Picture to write; its ending says the format: .png, .svg or .pdf.

    Returns:
        `path`.

    Raises:
        ValueError: If the format is unknown.
    """
    from matplotlib.figure import Figure

    path = Path(path)
    pictures.check_format(path)
    with pictures.style():
        figure = Figure(figsize=(8.4, 1.4 + 0.26 * len(result.arms)), layout="constrained")
        groups = groups_of(result)
        panels = figure.subplots(1, len(groups), sharey=True, squeeze=False, gridspec_kw={"wspace": 0.08})[0]
        for panel, group in zip(panels, groups, strict=True):
            _draw(panel, result.arms, group, GROUPS[group])
        panels[0].set_yticks(range(len(result.arms)))
        panels[0].set_yticklabels([arm.name for arm in result.arms], parse_math=False)
        panels[0].invert_yaxis()
        title = (
            f"{result.concept}, {Path(result.config.model).name}: "
            f"{len(result.edit.heads)} heads × {wording.number(result.scale)}"
        )
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11, parse_math=False)
        pictures.write(figure, path)
    return path


def _draw(panel: Any, arms: tuple[ArmSummary, ...], group: str, title: str) -> None:
    for row, arm in enumerate(arms):
        shape, line, fill = _LOOK[arm.kind]
        estimate = getattr(arm, group).contains
        panel.plot([estimate.low, estimate.high], [row, row], color=line, linewidth=1.4, zorder=2)
        panel.plot(estimate.value, row, shape, color=line, markerfacecolor=fill, markersize=6, zorder=3)
    base = next((getattr(arm, group).contains.value for arm in arms if arm.kind == "base"), None)
    if base is not None:
        panel.axvline(base, color="#222222", linestyle=":", linewidth=1, zorder=1)
    panel.set_xlim(-0.02, 1.02)
    panel.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    panel.set_title(title, loc="left", fontsize=10)
    panel.set_xlabel("fraction of answers that are right")
    panel.grid(axis="x", color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
