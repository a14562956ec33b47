"""The page of a stability card."""

from pathlib import Path
from typing import Any

from headpursuit.report import pictures
from headpursuit.report.colours import CONTROL, EDIT, INK
from headpursuit.report.page import Page
from headpursuit.studies.experiments.stability import StabilityResult


def page(folder: Path) -> Page:
    """The page of the card in a folder."""
    result = StabilityResult.load(folder)
    content = {"result": result, "changed": [each for each in result.alternatives if each.jaccard < 1]}
    title = f"{result.concept}: {result.word} heads"
    return Page("pages/stability.html.j2", title, content, figures={"rows": lambda: draw_rows(result)})


@pictures.style()
def draw_rows(result: StabilityResult) -> Any:
    """Draw the mean Jaccard index of whatever was varied, beside that of random tokens, and the line.

    Returns:
        A figure of matplotlib.
    """
    figure = pictures.figure(6.4, 1.0 + 0.5 * len(result.rows))
    axes = figure.add_subplot()
    for place, row in enumerate(result.rows):
        for shift, found, colour in ((-0.12, row.jaccard, EDIT), (0.12, row.null, CONTROL)):
            axes.plot([found.low, found.high], [place + shift] * 2, color=colour, lw=1.4)
            axes.plot(found.value, place + shift, "o", color=colour, ms=5)
    axes.axvline(result.config.stable, color=INK, ls=":", lw=1)
    axes.set_yticks(range(len(result.rows)), [f"{row.kind} ({row.n_variants})" for row in result.rows])
    axes.invert_yaxis()
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("Jaccard index with the heads of all prompts; grey: random tokens")
    return figure
