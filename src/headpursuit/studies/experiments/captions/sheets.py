"""The dose sheet of one direction: how many heads, how hard, on selection images."""

from collections.abc import Sequence
from dataclasses import dataclass

from headpursuit.studies.effect import broken_word
from headpursuit.studies.experiments.captions.figures import CaptionArm
from headpursuit.studies.experiments.captions.judging import (
    CaptionThresholds,
    effect,
    kept_cider,
    needed,
    relative,
    signs_of_damage,
)
from headpursuit.studies.results import DoseWord, size_of
from headpursuit.studies.tasks import Direction


@dataclass(frozen=True)
class CaptionCell:
    """One number of heads at one scale."""

    n_heads: int
    scale: float
    word: DoseWord
    signs: tuple[str, ...]
    """What breaks, in words; none unless it is over-intervened."""
    frequency: float | None
    """The concept's frequency, times the base's; None where the base never names it."""
    cider: float | None
    """The CIDEr that the direction is judged by, times the base's."""
    arm: CaptionArm


@dataclass(frozen=True)
class CaptionSheet:
    """Numbers of heads by scales, and the dose that was chosen."""

    direction: Direction
    base: CaptionArm
    cells: tuple[CaptionCell, ...]
    """Few heads first, for each number the scales in the order given."""
    n_heads: int
    """The chosen number of heads."""
    scale: float
    """The chosen scale."""
    sentence: str
    """Why this dose, in words."""

    @property
    def chosen(self) -> CaptionCell:
        """The chosen cell."""
        return next(cell for cell in self.cells if (cell.n_heads, cell.scale) == (self.n_heads, self.scale))

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of heads, few first."""
        return tuple(sorted({cell.n_heads for cell in self.cells}))


def cell_of(
    direction: Direction, base: CaptionArm, arm: CaptionArm, thresholds: CaptionThresholds | None = None
) -> CaptionCell:
    """An arm's cell on the sheet.

    Raises:
        ValueError: If its heads do not share one scale.
    """
    if arm.scale is None:
        raise ValueError(f"arm {arm.name} has no single scale, so it has no place on a dose sheet")
    t = thresholds or CaptionThresholds()
    signs = tuple(signs_of_damage(direction, base, arm, t))
    weak = effect(direction, base, arm) < needed(direction, t)
    return CaptionCell(
        len(arm.heads),
        arm.scale,
        broken_word(signs, direction) if signs else "too weak" if weak else "good",
        signs,
        relative(arm.frequency.value, base.frequency.value),
        kept_cider(direction, base, arm),
        arm,
    )


def sheet_of(
    direction: Direction,
    base: CaptionArm,
    cells: Sequence[CaptionCell],
    thresholds: CaptionThresholds | None = None,
) -> CaptionSheet:
    """Choose a dose.

    Good doses come first, the surely good ones before the others, the smallest of them first. Then come weak
    ones, the largest change of the frequency first, then broken ones, the fewest signs and then the most CIDEr first;
    what is alike goes to the smaller one.
    """
    t = thresholds or CaptionThresholds()

    def order(cell: CaptionCell) -> tuple[float | int, ...]:
        mild = (size_of(cell.n_heads, cell.scale), -round(effect(direction, base, cell.arm), 9), cell.n_heads)
        if cell.signs:
            return (3, len(cell.signs), -(cell.cider or 0), *mild)
        if cell.word == "good":
            return (0 if _is_sure(direction, base, cell, t) else 1, *mild)
        return (2, -round(effect(direction, base, cell.arm), 9), *mild)

    chosen = min(cells, key=order)
    sentence = _explained(direction, base, chosen, t)
    return CaptionSheet(direction, base, tuple(cells), chosen.n_heads, chosen.scale, sentence)


def _is_sure(direction: Direction, base: CaptionArm, cell: CaptionCell, t: CaptionThresholds) -> bool:
    """Whether the interval of the change lies beyond the asked one, and CIDEr keeps half of its margin."""
    change = cell.arm.frequency_change
    if cell.word != "good" or change is None or cell.cider is None:
        return False
    least = -change.high if direction == "suppress" else change.low
    return least >= needed(direction, t) * base.frequency.value and cell.cider >= (1 + t.kept_cider) / 2


def _explained(direction: Direction, base: CaptionArm, cell: CaptionCell, t: CaptionThresholds) -> str:
    """Why this cell was chosen, in a sentence."""
    dose = f"{cell.n_heads} head{'s' if cell.n_heads > 1 else ''} at scale {cell.scale:g}"
    change = effect(direction, base, cell.arm)
    verb, noun = ("lower", "fall") if direction == "suppress" else ("raise", "rise")
    if cell.n_heads == 1:
        verb += "s"
    done = f"{dose} {verb} the concept's frequency by {change:.0%} on the selection images"
    if cell.word == "good":
        how = "surely" if _is_sure(direction, base, cell, t) else "seem to"
        return f"{done}, the smallest of all doses that {how} reach {needed(direction, t):.0%} and keep captions whole."
    if cell.word == "too weak":
        return f"No dose that keeps captions whole makes a large enough {noun}; {done}, the most of those."
    return f"Every dose breaks captions; {dose} the least: {'; '.join(cell.signs)}."
