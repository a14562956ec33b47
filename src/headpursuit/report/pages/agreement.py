"""The page of an agreement of two rankings."""

from pathlib import Path
from typing import Any

from headpursuit.report import pictures
from headpursuit.report.colours import EDIT, SOFT
from headpursuit.report.page import Page
from headpursuit.studies.experiments.agreement import KIND, AgreementResult


def page(folder: Path) -> Page:
    """The page of the agreement in a folder."""
    result = KIND.load(folder)
    title = f"{result.one.concept} by {result.one.score}, {result.other.concept} by {result.other.score}: agreement"
    return Page("pages/agreement.html.j2", title, {"result": result}, figures={"places": lambda: draw_places(result)})


@pictures.style()
def draw_places(result: AgreementResult) -> Any:
    """Draw the places of the best heads in both rankings; what both have among the best stands out.

    Returns:
        A figure of matplotlib.
    """
    most, shared = result.tops[-1].n_heads, set(result.tops[-1].shared)
    figure = pictures.figure(5.4, 5.0)
    axes = figure.add_subplot()
    for place in result.places:
        axes.plot(place.one, place.other, "o", color=EDIT if place.head in shared else SOFT, ms=5)
    for head in [place for place in result.places if place.head in shared][:8]:
        axes.annotate(head.head, (head.one, head.other), xytext=(4, 4), textcoords="offset points", fontsize=8)
    axes.axvline(most + 0.5, color=SOFT, lw=0.8)
    axes.axhline(most + 0.5, color=SOFT, lw=0.8)
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel(f"place by {result.one.score}, {result.one.concept}", parse_math=False)
    axes.set_ylabel(f"place by {result.other.score}, {result.other.concept}", parse_math=False)
    return figure
