"""The page of a sensitivity study: its table, and one picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headpursuit.report import pictures
from headpursuit.report.colours import CONTROL, EDIT, INK, OTHER, RULE, SOFT
from headpursuit.report.page import Page
from headpursuit.report.wording import short_name
from headpursuit.studies.experiments.sensitivity import Agreement, SensitivityResult
from headpursuit.studies.judging.terms import WORDS
from headpursuit.studies.results import Estimate


def page(folder: Path) -> Page:
    """The page of the sensitivity study in a folder."""
    result = SensitivityResult.load(folder)
    return Page(
        "pages/sensitivity.html.j2",
        f"{result.concept} on {short_name(result.config.model)}: {result.outcome}",
        {"result": result},
        figures={"completeness": lambda: draw_completeness(result)},
    )


@pictures.style()
def draw_completeness(result: SensitivityResult) -> Any:
    """Draw agreement over the fraction of the words that is kept, and beside it the effect, where it was measured.

    Returns:
        A figure of matplotlib.
    """
    n_panels = 2 if result.measured else 1
    figure = pictures.figure(5.6 * n_panels, 4.2)
    axes = figure.subplots(1, n_panels, squeeze=False)[0]
    _draw_agreement(axes[0], result)
    if result.measured:
        _draw_effect(axes[1], result)
    title = f"{result.concept}: {short_name(result.config.model)}"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11, parse_math=False)
    return figure


def _draw_agreement(panel: Any, result: SensitivityResult) -> None:
    rows = _by_level(result)
    lines = (
        (f"overlap of the best {result.edit_heads} (the edit)", "overlap", EDIT, "s-"),
        (f"overlap of the best {result.more_heads}", "overlap_more", OTHER, "o-"),
        ("Spearman, all heads", "spearman", CONTROL, "^-"),
    )
    for shift, (label, field, colour, look) in zip((-0.6, 0.0, 0.6), lines, strict=True):
        _line(panel, rows, [getattr(row, field) for row in rows], colour, look, label, shift)
    panel.axhline(result.config.stable, color=INK, linestyle=":", linewidth=1, label="counts as agreement")
    for row in result.of("shuffled"):
        panel.axhline(row.overlap.value, color=EDIT, linestyle="--", linewidth=1, label="the edit's, random words")
    panel.axhline(result.chance, color=SOFT, linewidth=1, label="the edit's, by chance", zorder=1)
    panel.set_ylabel("agreement with the full list")
    panel.set_ylim(min(-0.04, *(row.spearman.low for row in rows)), 1.04)
    _finish(panel)


def _draw_effect(panel: Any, result: SensitivityResult) -> None:
    rows = [row for row in _by_level(result) if row.effect]
    effects = [row.effect.target for row in rows if row.effect]
    _line(panel, rows, effects, EDIT, "s-", "edits of shorter lists", 0.0)
    for kind, look, label in (("full", ":", "the full list's edit"), ("shuffled", "--", "edits of random words")):
        for row in result.of(kind):  # type: ignore[arg-type]
            if row.effect:
                panel.axhline(row.effect.target.value, color=INK, linestyle=look, linewidth=1, label=label)
    panel.set_ylabel(f"target score {WORDS[result.measured.direction].falls} by" if result.measured else "")
    panel.set_ylim(min(-0.04, *(effect.low for effect in effects)), max(1.04, *(effect.high for effect in effects)))
    _finish(panel)


def _by_level(result: SensitivityResult) -> tuple[Agreement, ...]:
    """Subsamples, small ones first, and the whole list under other random dictionaries as their end."""
    return (*result.of("subsample"), *result.of("draws"))


def _line(
    panel: Any,
    rows: Sequence[Agreement],
    values: Sequence[Estimate],
    colour: str,
    look: str,
    label: str,
    shift: float,
) -> None:
    places = [100 * (1.0 if row.level is None else row.level) + shift for row in rows]
    panel.plot(
        places, [v.value for v in values], look, color=colour, markersize=5, linewidth=1.4, label=label, zorder=3
    )
    panel.vlines(places, [v.low for v in values], [v.high for v in values], color=colour, linewidth=1.2, zorder=2)


def _finish(panel: Any) -> None:
    panel.set_xlabel("% of the words; 100: all, under other random dictionaries")
    panel.set_xlim(0, 104)
    panel.grid(axis="y", color=RULE, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
