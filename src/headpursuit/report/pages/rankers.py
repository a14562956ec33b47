"""The page of a comparison of rankers."""

from functools import partial
from pathlib import Path
from typing import Any

from headpursuit.report import pictures
from headpursuit.report.colours import CONTROL, EDIT
from headpursuit.report.page import Page
from headpursuit.report.parts.matrices import MatrixRow, draw_cells
from headpursuit.report.wording import short_name
from headpursuit.studies.experiments.rankers import RankersResult, TaskComparison


def page(folder: Path) -> Page:
    """The page of the comparison in a folder."""
    result = RankersResult.load(folder)
    broken = {task.task: [cell for cell in task.cells if cell.signs] for task in result.tasks}
    return Page(
        "pages/rankers.html.j2",
        f"rankers on {short_name(result.config.model)}",
        {"result": result, "broken": broken},
        figures={
            f"{name}-{i}": partial(draw, task)
            for i, task in enumerate(result.tasks, 1)
            for name, draw in (("effects", _effects), ("overlap", _overlap))
        },
    )


@pictures.style()
def _effects(task: TaskComparison) -> Any:
    """Each ranker's mean effect with its interval, best first."""
    rows = sorted(task.rows, key=lambda row: row.mean.value)
    figure = pictures.figure(7.2, 0.27 * len(rows) + 0.9)
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        colour = EDIT if row.better is None else CONTROL
        axes.plot([row.mean.low, row.mean.high], [place, place], color=colour, lw=2)
        axes.plot(row.mean.value, place, "o", color=colour, ms=6)
    usual = next(row for row in rows if row.better is None)
    axes.axvline(usual.mean.value, color=EDIT, ls=":", lw=1)
    axes.set_yticks(range(len(rows)), [row.ranker for row in rows])
    axes.set_xlabel("effect without damage, mean over numbers of heads")
    return figure


@pictures.style()
def _overlap(task: TaskComparison) -> Any:
    """The matrix of shared heads."""
    names, shared = task.overlap.rankers, task.overlap.shared
    rows = [
        MatrixRow(name, tuple(values), tuple(f"{value * task.overlap.n_heads:.0f}" for value in values))
        for name, values in zip(names, shared, strict=True)
    ]
    figure = pictures.figure(0.42 * len(names) + 2.4, 0.36 * len(names) + 2.2)
    axes = figure.add_subplot()
    draw_cells(axes, rows, range(len(names)))
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    return figure
