"""One self-contained page for a run of lm-evaluation-harness: a picture of the changes, and the table behind it."""

import base64
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from headpursuit.report import pictures, wording
from headpursuit.report.pages import PAGE, templates
from headpursuit.storage import write_bytes
from headpursuit.studies.experiments.lm_eval import HarnessResult
from headpursuit.studies.experiments.lm_eval.result import HarnessRow

_MOST_DRAWN = 30
"""Figures in the picture; the table holds all."""


def render_harness(folder: Path | str) -> Path:
    """Write a run's page into its folder, over any that is there.

    Args:
        folder: A finished run; no model is loaded.

    Returns:
        The path of `report.html`.

    Raises:
        FileNotFoundError: If there is no run.
        ValueError: If it is unfinished, damaged or something else.
    """
    page = harness_page(HarnessResult.load(folder))
    write_bytes(Path(folder) / PAGE, page.encode("utf-8", "replace"))
    return Path(folder) / PAGE


def harness_page(result: HarnessResult) -> str:
    """The page as text; the same run gives the same page."""
    environment = templates()
    environment.filters.update(figure=wording.score, number=wording.number, signed=_signed, p_value=wording.p_value)
    model_name = Path(result.config.model).name or result.config.model
    drawn = [row for row in result.rows if row.change.low is not None][:_MOST_DRAWN]
    return environment.get_template("harness.html.j2").render(
        result=result,
        model_name=model_name,
        page_title=f"lm-eval on {model_name}: an edit of {len(result.arms[1].scales)} heads",
        picture=_picture(drawn) if drawn else "",
        n_drawn=len(drawn),
        style=Markup(resources.files("headpursuit.report").joinpath("style.css").read_text(encoding="utf-8")),
    )


def _picture(rows: Sequence[HarnessRow]) -> str:
    """Change of every figure, each on its own axis, as the data address of an SVG."""
    from matplotlib.figure import Figure

    with pictures.style(), tempfile.TemporaryDirectory() as place:
        figure = Figure(figsize=(8.4, 0.75 * len(rows) + 0.3), layout="constrained")
        for axes, row in zip(figure.subplots(len(rows), squeeze=False)[:, 0], rows, strict=True):
            _draw(axes, row)
        file = Path(place) / "changes.svg"
        pictures.write(figure, file)
        return "data:image/svg+xml;base64," + base64.b64encode(file.read_bytes()).decode()


def _draw(axes: Any, row: HarnessRow) -> None:
    axes.axvline(0, color="#222222", linestyle=":", linewidth=1)
    axes.plot([row.change.low, row.change.high], [0, 0], color="#5e3c99", linewidth=2)
    axes.plot(row.change.value, 0, "s", color="#5e3c99", markersize=6)
    axes.plot(row.controls, [0.5] * len(row.controls), "o", color="#767c86", markerfacecolor="white", markersize=5)
    axes.set_ylim(-0.5, 1)
    reach = 1.1 * max(abs(value) for value in (row.change.low, row.change.high, *row.controls) if value is not None)
    axes.set_xlim(-reach or -1, reach or 1)
    axes.set_yticks([0.25], [f"{row.task}\n{row.metric}"], parse_math=False)
    axes.tick_params(length=0, labelsize=7)
    axes.spines[:].set_visible(False)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)


def _signed(value: float) -> str:
    text = f"{value:+.3f}"
    return "0.000" if text in ("+0.000", "-0.000") else text.replace("-", "−")
