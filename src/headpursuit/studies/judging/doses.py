"""Doses: those that are tried, the word for each, and the one that is taken."""

from collections.abc import Sequence
from dataclasses import replace

from headpursuit.analysis import count_of
from headpursuit.studies.judging import sentences
from headpursuit.studies.judging.decision import broken_word
from headpursuit.studies.measures import APART, Measure
from headpursuit.studies.results import DoseCell, DoseWord, Figures, StudyConfig

_LADDER = (1, 2, 3, 4, 6, 8, 16, 32)
"""The paper edits 8, 16 and 32 of about a thousand heads."""

_SHARE = 32
"""By default one head in so many is edited at most: 8 of 270, 32 of 1024."""


def head_counts(config: StudyConfig, n_heads: int) -> tuple[int, ...]:
    """The numbers of heads on the dose sheet, few first.

    Raises:
        ValueError: If that is none, or more than the model has.
    """
    if config.doses:
        return tuple(sorted({count_of(heads, n_heads) for heads in config.doses}))
    most = max(1, n_heads // _SHARE)
    return tuple(count for count in _LADDER if count <= most)


def cell_of(measure: Measure[Figures], base: Figures, arm: Figures) -> DoseCell[Figures]:
    """An arm's cell on the sheet; silence is damage, not success.

    Raises:
        ValueError: If its heads do not share one scale.
    """
    if arm.scale is None:
        raise ValueError(f"arm {arm.name} has no single scale, so it has no place on a dose sheet")
    breaks, reached = measure.breaks(base, arm), measure.effect(base, arm)
    word = DoseWord.TOO_WEAK if reached < measure.thresholds.asked_effect else DoseWord.GOOD
    if breaks:
        word = broken_word(breaks, measure.direction)
    signs, damage = sentences.signs_of(breaks), measure.damage(base, arm)
    return DoseCell(len(arm.heads), arm.scale, word, signs, reached, damage, arm)


def beside_random(
    measure: Measure[Figures], base: Figures, cell: DoseCell[Figures], control: Figures
) -> DoseCell[Figures]:
    """A cell with a draw of random heads beside it; if they do much of the same, it is not special."""
    reached = measure.at_the_line(base, control)
    cell = replace(cell, matched=measure.level(control).value)
    much = reached > measure.thresholds.control_share * cell.effect
    if cell.word != DoseWord.GOOD or not much:
        return cell
    return replace(cell, word=DoseWord.NOT_SPECIFIC, signs=(sentences.shared(reached / cell.effect),))


def fell_apart(measure: Measure[Figures], base: Figures, arm: Figures) -> bool:
    """True if so little of the model is left that more of the same dose need not be measured."""
    return measure.within(APART).damage(base, arm) > 1


def at_least(dose: tuple[int, float], other: tuple[int, float]) -> bool:
    """True if a dose has as many heads as another or more, and scales them as hard or harder, to the same side."""
    (count, scale), (fewer, milder) = dose, other
    same_side = (scale - 1) * (milder - 1) > 0
    return count >= fewer and same_side and abs(scale - 1) >= abs(milder - 1)


def by_preference(
    measure: Measure[Figures], base: Figures, cells: Sequence[DoseCell[Figures]]
) -> list[DoseCell[Figures]]:
    """The dose to take first.

    Good doses come first, those before the others that surely reach the asked effect and spare what should stay: what
    is chosen of many is a little worse on held-out questions, and should not stand at the edge. Among them the
    smallest counts (`size_of`), of equally large ones the larger effect. Then come weak doses, the largest effect
    first, then doses whose effect random heads have too, then broken models, the least damage first.
    """

    def order(cell: DoseCell[Figures]) -> tuple[float | int, ...]:
        mild: tuple[float, float, int] = (cell.size, -round(cell.effect, 9), cell.n_heads)
        if cell.word == DoseWord.GOOD:
            return (0 if measure.is_sure(base, cell.arm) else 1, *mild)
        if cell.word == DoseWord.TOO_WEAK:
            return (2, -round(cell.effect, 9), *mild)
        if cell.word == DoseWord.NOT_SPECIFIC:
            return (3, *mild)
        return (4, len(cell.signs), measure.loss(base, cell.arm), cell.arm.damage.kl, *mild)

    return sorted(cells, key=order)
