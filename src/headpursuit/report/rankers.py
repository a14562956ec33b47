"""One self-contained page for a finished comparison of rankers."""

import base64
import io
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from headpursuit.report import pictures
from headpursuit.report.pages import PAGE, templates
from headpursuit.storage import write_bytes
from headpursuit.studies.experiments.rankers import RankersResult, TaskComparison
from headpursuit.studies.results import Estimate

_COLOURS = {"usual": "#5e3c99", "other": "#767c86"}


def render_rankers(folder: Path | str) -> Path:
    """Write a comparison's page into its folder, over any that is there.

    Args:
        folder: A finished comparison; nothing else is read, and no model is loaded.

    Returns:
        The path of `report.html`.

    Raises:
        FileNotFoundError: If there is no comparison.
        ValueError: If it is unfinished, damaged or something else.
    """
    result = RankersResult.load(folder)
    page = (
        templates()
        .get_template("rankers.html.j2")
        .render(
            page_title=f"rankers on {Path(result.config.model).name}",
            result=result,
            model_name=Path(result.config.model).name,
            style=Markup(resources.files("headpursuit.report").joinpath("style.css").read_text(encoding="utf-8")),
            pictures={task.task: {"effects": _effects(task), "overlap": _overlap(task)} for task in result.tasks},
            signed=signed,
            interval=interval,
            broken={task.task: [cell for cell in task.cells if cell.signs] for task in result.tasks},
        )
    )
    write_bytes(Path(folder) / PAGE, page.encode("utf-8", "replace"))
    return Path(folder) / PAGE


def signed(value: float) -> str:
    """A difference with its sign."""
    return f"{value:+.2f}".replace("-", "−")


def interval(estimate: Estimate, *, difference: bool = False) -> str:
    """The ends of an interval."""
    low, high = (signed(v) if difference else f"{v:.2f}" for v in (estimate.low, estimate.high))
    return f"{low} to {high}"


def _effects(task: TaskComparison) -> str:
    """Each ranker's mean effect with its interval, best first, as a data address."""
    from matplotlib.figure import Figure

    rows = sorted(task.rows, key=lambda row: row.mean.value)
    with pictures.style():
        figure = Figure(figsize=(7.2, 0.27 * len(rows) + 0.9), layout="constrained")
        axes = figure.add_subplot()
        for place, row in enumerate(rows):
            colour = _COLOURS["usual" if row.better is None else "other"]
            axes.plot([row.mean.low, row.mean.high], [place, place], color=colour, lw=2)
            axes.plot(row.mean.value, place, "o", color=colour, ms=6)
        usual = next(row for row in rows if row.better is None)
        axes.axvline(usual.mean.value, color=_COLOURS["usual"], ls=":", lw=1)
        axes.set_yticks(range(len(rows)), [row.ranker for row in rows])
        axes.set_xlabel("effect without damage, mean over numbers of heads")
        return _embedded(figure)


def _overlap(task: TaskComparison) -> str:
    """The matrix of shared heads, as a data address."""
    from matplotlib.figure import Figure

    overlap = task.overlap
    n = len(overlap.rankers)
    with pictures.style():
        figure = Figure(figsize=(0.42 * n + 2.4, 0.36 * n + 2.2), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(overlap.shared, cmap=pictures.SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
        for i, row in enumerate(overlap.shared):
            for j, value in enumerate(row):
                colour = "white" if value > 0.6 else "black"
                axes.text(j, i, f"{value * overlap.n_heads:.0f}", ha="center", va="center", fontsize=8, color=colour)
        axes.set_xticks(range(n), overlap.rankers, rotation=60, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(n), overlap.rankers)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        return _embedded(figure)


def _embedded(figure: Any) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"
