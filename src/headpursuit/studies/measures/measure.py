"""The measure of an arm, for verdicts and dose sheets, whatever its outputs are."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Literal

import numpy as np

from headpursuit.studies.measures.thresholds import Thresholds
from headpursuit.studies.results import CaptionArm, Damage, Estimate, Figures, GroupSummary, Why
from headpursuit.studies.tasks import Direction


class BreakKind(StrEnum):
    """Things that an edit can break beside the concept."""

    UNRELATED = "unrelated answers"
    CIDER = "CIDEr"
    CIDER_WITHOUT = "CIDEr without the concept's words"
    PERPLEXITY = "perplexity"
    EMPTY = "empty outputs"
    REPETITION = "repetition"
    LENGTH = "length"
    WRITTEN = "perplexity of what is written"
    SAMENESS = "different word pairs"
    ONE_WORD = "a word said again"


Outputs = Literal["target", "unrelated", "captions"]

_BABBLE = (
    BreakKind.PERPLEXITY,
    BreakKind.REPETITION,
    BreakKind.WRITTEN,
    BreakKind.SAMENESS,
    BreakKind.ONE_WORD,
)


@dataclass(frozen=True)
class Break:
    """One kind of damage."""

    kind: BreakKind
    ratio: float
    """In units of the damage that is tolerated if there is no other."""
    figure: float
    """The measured fraction lost, ratio of perplexities, fraction of outputs or word pairs, CIDEr or length kept."""
    outputs: Outputs | None = None
    """The outputs that are empty or repeat; None for damage of another kind."""
    ends: tuple[float, float] | None = None
    """Of the ratio's 95 % interval; None where it has none."""

    @property
    def is_babble(self) -> bool:
        """True if text falls apart, not only answers."""
        return self.kind in _BABBLE


_Rates = float | np.ndarray
"""One, or one of each resample."""


def effects(before: _Rates, after: _Rates, direction: Direction) -> _Rates:
    """Fractions by which mean scores fall (suppress) or rise (enhance), as they are `counted`; 0 without a base."""
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    left = np.divide(after, before, out=np.ones(np.broadcast(after, before).shape), where=before > 0)
    return 1 - left if direction == "suppress" else left - 1


class Measure(ABC, Generic[Figures]):
    """A reading of figures of one kind: the level that is to fall or rise, and all that is to stay.

    A kind of output gives the abstract readings; effect, damage and certainty follow from them in one way.
    """

    direction: Direction
    """The way that the level is to go."""
    thresholds: Thresholds
    """The lines of a verdict."""

    @abstractmethod
    def within(self, thresholds: Thresholds) -> "Measure[Figures]":
        """The same with other lines."""

    @abstractmethod
    def level(self, arm: Figures) -> Estimate:
        """The figure that is to fall or rise."""

    @abstractmethod
    def change(self, arm: Figures) -> Estimate | None:
        """The level minus the base's, paired by question, as it is `counted`; None for the base itself."""

    @abstractmethod
    def silenced(self, arm: Figures) -> float:
        """The part of the level that silence alone took."""

    @abstractmethod
    def loss(self, base: Figures, arm: Figures) -> float:
        """Fraction lost of what should stay."""

    @abstractmethod
    def breakage(self, base: Figures, arm: Figures) -> Iterator[Break]:
        """Every kind of damage, tolerated or not."""

    @abstractmethod
    def surely_spares(self, base: Figures, arm: Figures) -> bool:
        """True if what should stay does so clear of the line."""

    @abstractmethod
    def unclear_base(self, base: Figures) -> Why | None:
        """The reason that the unedited model leaves nothing to see; None if it leaves something."""

    def unclear(self, base: Figures, edit: Figures) -> Why | None:
        """The reason that nothing can be decided; None where something can."""
        scale, suppress = edit.scale, self.direction == "suppress"
        wrong_side = scale is not None and (scale >= 1 if suppress else scale <= 1)
        return self.unclear_base(base) or (Why.WRONG_SIDE if wrong_side else None)

    def effect(self, base: Figures, arm: Figures) -> float:
        """Fraction by which the level, as it is `counted`, falls (suppress) or rises (enhance); 0 without a base."""
        after = self.level(arm).value + self.silenced(arm)
        return float(effects(self.level(base).value, after, self.direction))

    def at_the_line(self, base: Figures, arm: Figures) -> float:
        """The effect; of an arm that breaks the model, divided by its damage: as much as the tolerated damage takes.

        Whatever breaks a model takes every concept, and a milder dose of the same does less of both.
        """
        return self.effect(base, arm) / max(1.0, self.damage(base, arm))

    def is_certain(self, base: Figures, arm: Figures) -> bool:
        """True if the whole interval of the change is beyond the least effect that is sure."""
        return self._reaches(arm, self.thresholds.sure_effect * self.level(base).value)

    def is_sure(self, base: Figures, arm: Figures) -> bool:
        """True if intervals stay clear of both lines: the asked effect, and over-intervention."""
        least = self.thresholds.asked_effect * self.level(base).value
        return self._reaches(arm, least) and self.surely_spares(base, arm)

    def damage(self, base: Figures, arm: Figures) -> float:
        """All damage beside the concept together, in units of what is tolerated: above 1 an edit is over-intervened.

        The length of the vector whose components are the kinds of damage: a single kind counts as it is, several add
        up, small ones hardly.
        """
        return math.hypot(*(found.ratio for found in self.breakage(base, arm)))

    def damage_interval(self, base: Figures, arm: Figures) -> Estimate:
        """Damage with its 95 % interval: each kind by itself is moved to the ends of its own, as independent errors."""
        found = list(self.breakage(base, arm))
        ratios, value = [each.ratio for each in found], self.damage(base, arm)
        if not math.isfinite(value):
            return Estimate(value, value, value)

        def reach(end: Literal[0, 1]) -> float:
            ends = (each.ends[end] if each.ends else each.ratio for each in found)
            return math.hypot(*(math.hypot(*ratios[:i], to, *ratios[i + 1 :]) - value for i, to in enumerate(ends)))

        return Estimate(value, max(0.0, value - reach(0)), value + reach(1))

    def breaks(self, base: Figures, arm: Figures) -> tuple[Break, ...]:
        """The kinds of damage that break the model; none unless the edit is over-intervened.

        Those that do by themselves, or, where none does, the largest and those at least half as large.
        """
        if self.damage(base, arm) <= 1:
            return ()
        found = list(self.breakage(base, arm))
        largest = max(each.ratio for each in found)
        return tuple(each for each in found if each.ratio > 1 or (largest <= 1 and each.ratio >= largest / 2))

    def _reaches(self, arm: Figures, least: float) -> bool:
        change = self.change(arm)
        if change is None:
            return False
        nearest = -change.high if self.direction == "suppress" else change.low
        return nearest >= least

    def _perplexity(self, base: Damage, arm: Damage) -> Break:
        ratio = arm.perplexity / base.perplexity
        tolerated = self.thresholds.perplexity_ratio - 1
        excess = (ratio - 1) / tolerated if math.isfinite(ratio) else math.inf
        return Break(BreakKind.PERPLEXITY, max(excess, 0.0), ratio)

    def _spoken(
        self, base: GroupSummary | CaptionArm, arm: GroupSummary | CaptionArm, outputs: Outputs
    ) -> Iterator[Break]:
        """Damage in empty outputs and repetition."""
        t = self.thresholds
        changes: tuple[Estimate | None, Estimate | None] = None, None
        if isinstance(arm, GroupSummary):
            changes = arm.empty_change, arm.repetition_change
        for kind, now, then, line, change in (
            (BreakKind.EMPTY, arm.empty, base.empty, t.empty_rise, changes[0]),
            (BreakKind.REPETITION, arm.repetition, base.repetition, t.repetition_rise, changes[1]),
        ):
            yield Break(kind, max(now - then, 0.0) / line, now, outputs, ends_of(change, line))


def ends_of(change: Estimate | None, line: float, *, falls: bool = False) -> tuple[float, float] | None:
    """The ends of a rise (or fall) in units of a line, none of them below 0; None without an interval."""
    if change is None or not line:
        return None
    low, high = (-change.high, -change.low) if falls else (change.low, change.high)
    return max(low / line, 0.0), max(high / line, 0.0)
