"""The page of a run of lm-evaluation-harness: a picture of the changes, and the table behind it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headpursuit.report import pictures
from headpursuit.report.colours import CONTROL, EDIT, INK, RULE
from headpursuit.report.page import Page
from headpursuit.report.wording import short_name
from headpursuit.studies.experiments.lm_eval import HarnessResult
from headpursuit.studies.experiments.lm_eval.result import HarnessRow

_MOST_DRAWN = 30
"""Figures in the picture; the table holds all."""


def page(folder: Path) -> Page:
    """The page of the run in a folder."""
    result = HarnessResult.load(folder)
    drawn = [row for row in result.rows if row.change.low is not None][:_MOST_DRAWN]
    return Page(
        "pages/lm_eval.html.j2",
        f"lm-eval on {short_name(result.config.model)}: an edit of {len(result.arms[1].scales)} heads",
        {"result": result, "n_drawn": len(drawn)},
        figures={"changes": lambda: _changes(drawn)} if drawn else {},
    )


@pictures.style()
def _changes(rows: Sequence[HarnessRow]) -> Any:
    """Change of every figure, each on its own axis."""
    figure = pictures.figure(8.4, 0.75 * len(rows) + 0.3)
    for axes, row in zip(figure.subplots(len(rows), squeeze=False)[:, 0], rows, strict=True):
        _draw(axes, row)
    return figure


def _draw(axes: Any, row: HarnessRow) -> None:
    axes.axvline(0, color=INK, linestyle=":", linewidth=1)
    axes.plot([row.change.low, row.change.high], [0, 0], color=EDIT, linewidth=2)
    axes.plot(row.change.value, 0, "s", color=EDIT, markersize=6)
    axes.plot(row.controls, [0.5] * len(row.controls), "o", color=CONTROL, markerfacecolor="white", markersize=5)
    axes.set_ylim(-0.5, 1)
    reach = 1.1 * max(abs(value) for value in (row.change.low, row.change.high, *row.controls) if value is not None)
    axes.set_xlim(-reach or -1, reach or 1)
    axes.set_yticks([0.25], [f"{row.task}\n{row.metric}"], parse_math=False)
    axes.tick_params(length=0, labelsize=7)
    axes.spines[:].set_visible(False)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
