"""The picture of a study's arms: a dot and its 95 % interval for each."""

from collections.abc import Mapping, Sequence
from typing import Any

from headpursuit.report import pictures
from headpursuit.report.colours import CONTROL, EDIT, INK, OTHER, RULE, SOFT
from headpursuit.studies.results import ArmKind, Estimate

ArmDot = tuple[ArmKind, str, Estimate]
"""Kind, name and figure of an arm."""

_LOOK = {
    "base": ("o", INK, "white"),
    "edit": ("s", EDIT, EDIT),
    "image": ("s", EDIT, "white"),
    "text": ("s", EDIT, "white"),
    "dose": ("^", EDIT, "white"),
    "matched": ("o", CONTROL, CONTROL),
    "random": ("o", CONTROL, SOFT),
    "other": ("D", OTHER, OTHER),
    "prompt": ("X", INK, INK),
    "direction": ("P", INK, INK),
    "ablated": ("P", INK, "white"),
}


@pictures.style()
def draw_panels(panels: Mapping[str, Sequence[ArmDot]], title: str, labels: Sequence[str]) -> Any:
    """Draw a panel of dots for each group of arms; panels with the same arms share their names.

    Args:
        panels: Of each group its arms, by the group's heading.
        title: Of the whole picture.
        labels: What each panel shows.

    Returns:
        A figure of matplotlib.
    """
    names = [[name for _, name, _ in rows] for rows in panels.values()]
    alike = all(each == names[0] for each in names)
    figure = pictures.figure(8.4 if alike else 11.0, 1.4 + 0.26 * max(map(len, names)))
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
        panel.axvline(base, color=INK, linestyle=":", linewidth=1, zorder=1)
    if all(estimate.high <= 1 for _, _, estimate in rows):
        panel.set_xlim(-0.02, 1.02)
        panel.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    panel.set_title(title, loc="left", fontsize=10)
    panel.set_xlabel(label)
    panel.grid(axis="x", color=RULE, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
