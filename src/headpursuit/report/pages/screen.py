"""The page of a screen: what heads do, beside what they write."""

from pathlib import Path
from typing import Any

from headpursuit.report import pictures
from headpursuit.report.colours import EDIT, SOFT
from headpursuit.report.heatmap import head_map, map_style
from headpursuit.report.page import Page
from headpursuit.studies.causal.screening import Role
from headpursuit.studies.experiments.screen import ScreenResult

_LISTED = 60
_NAMED = 8


def page(folder: Path) -> Page:
    """The page of the screen in a folder."""
    result = ScreenResult.load(folder)
    writes = {each.head: each for each in result.writes}
    effects = {found.head: found.effect.value for found in result.best}
    content = {
        "result": result,
        "rows": [(found, writes[found.head]) for found in result.best[:_LISTED]],
        "map": head_map(effects, result.taken, about=result.concept),
        "style": map_style(),
    }
    title = f"{result.concept}: heads screened by what they do"
    return Page("pages/screen.html.j2", title, content, figures={"roles": lambda: draw_roles(result)})


@pictures.style()
def draw_roles(result: ScreenResult) -> Any:
    """Draw what each head writes to the right, and what it does upwards; heads that matter stand out.

    Returns:
        A figure of matplotlib.
    """
    writes = {each.head: each for each in result.writes}
    figure = pictures.figure(6.4, 4.2)
    axes = figure.add_subplot()
    for found in result.best:
        role = writes[found.head].role
        colour = EDIT if role in (Role.BOTH, Role.MATTERS) else SOFT
        axes.plot(writes[found.head].score, found.effect.value, "o", color=colour, ms=4)
    for found in result.best[:_NAMED]:
        place = (writes[found.head].score, found.effect.value)
        axes.annotate(str(found.head), place, xytext=(4, 4), textcoords="offset points", fontsize=8)
    axes.axhline(0, color=SOFT, lw=0.8)
    axes.set_xlabel(f"what it writes: {result.score}", parse_math=False)
    axes.set_ylabel(f"what it does: {result.taken}", parse_math=False)
    return figure
