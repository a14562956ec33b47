"""The dose sheet: how many heads, how hard."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic

from headpursuit.studies.results.figures import ArmSummary, CaptionArm, Figures


class DoseWord(StrEnum):
    """The word for a dose: enough, not enough, or why it will not do."""

    GOOD = "good"
    TOO_WEAK = "too weak"
    OVER_INTERVENED = "over-intervened"
    INCOHERENT = "incoherent"
    NOT_SPECIFIC = "not specific"


def size_of(n_heads: int, scale: float) -> float:
    """The size of an edit: the sum of |scale - 1| over its heads, so one head at -3 is as large as two at -1."""
    return n_heads * abs(scale - 1)


@dataclass(frozen=True)
class DoseCell(Generic[Figures]):
    """One number of heads at one scale, measured on selection questions."""

    n_heads: int
    scale: float
    word: DoseWord
    signs: tuple[str, ...]
    """Its faults, in words; none where it is good or too weak."""
    effect: float
    """Fraction by which the target score (of captions: the concept's frequency) falls, or rises where it is to."""
    damage: float
    """Damage beside the concept, in units of what is tolerated: above 1 it is over-intervened."""
    arm: Figures
    matched: float | None = None
    """Target score (of captions: frequency) with as many random heads of the same layers, one draw; measured beside the
    best cells only."""

    @property
    def dose(self) -> tuple[int, float]:
        """Number of heads and scale."""
        return self.n_heads, self.scale

    @property
    def size(self) -> float:
        """The distance of all heads together from 1; see `size_of`."""
        return size_of(self.n_heads, self.scale)


@dataclass(frozen=True)
class DoseSheet(Generic[Figures]):
    """Numbers of heads by scales, and the dose that is recommended."""

    base: Figures
    cells: tuple[DoseCell[Figures], ...]
    """Few heads first, for each number the scales in the order given."""
    n_heads: int
    """The recommended number of heads."""
    scale: float
    """The recommended scale."""
    sentence: str
    """The reason for this dose, in words."""
    not_run: tuple[tuple[int, float], ...] = ()
    """Doses that were not measured, because the model had fallen apart at a milder one."""

    @property
    def chosen(self) -> DoseCell[Figures]:
        """The recommended cell."""
        return next(cell for cell in self.cells if cell.dose == (self.n_heads, self.scale))

    @property
    def scales(self) -> tuple[float, ...]:
        """The columns of its table."""
        return tuple(dict.fromkeys(cell.scale for cell in self.cells))

    @property
    def rows(self) -> tuple[tuple[int, tuple[DoseCell[Figures] | None, ...]], ...]:
        """The rows of its table, few heads first: a cell for each scale, None where it was not measured."""
        cells = {cell.dose: cell for cell in self.cells}
        counts = sorted({cell.n_heads for cell in self.cells})
        return tuple((count, tuple(cells.get((count, scale)) for scale in self.scales)) for count in counts)

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of heads, few first."""
        return tuple(sorted({count for count, _ in (*(cell.dose for cell in self.cells), *self.not_run)}))

    @property
    def front(self) -> tuple[DoseCell[Figures], ...]:
        """The Pareto front, mild first.

        No other dose has more effect with at most their damage, or at least their effect with less of it; of doses
        alike in both the smallest.
        """
        front: list[DoseCell[Figures]] = []
        for cell in sorted(self.cells, key=lambda c: (c.damage, -c.effect, c.size)):
            if cell.effect > (front[-1].effect if front else 0.0):
                front.append(cell)
        return tuple(front)


AnswerSheet = DoseSheet[ArmSummary]
CaptionSheet = DoseSheet[CaptionArm]
