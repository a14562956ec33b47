"""From figures to an outcome and what stood in its way; `sentences` says it in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np

from headpursuit.studies.measures import Break, Measure
from headpursuit.studies.results import ArmKind, DoseWord, Figures, Outcome, Why
from headpursuit.studies.tasks import Direction


@dataclass(frozen=True)
class Controls:
    """The draws of random heads of one kind."""

    kind: ArmKind
    """Of the same layers (`matched`), or of any (`random`)."""
    p: float
    """Permutation p-value over questions against them."""
    levels: tuple[float, ...]
    """Target score or frequency of each draw."""
    effects: tuple[float, ...]
    """Effect of each draw."""
    broken: tuple[bool, ...]
    """Of each draw: it breaks the model."""

    def share(self, reached: float) -> float:
        """Mean effect of the draws, as a share of the edit's."""
        return float(np.mean([effect / reached for effect in self.effects]))

    def strongest(self, reached: float) -> float:
        """The largest such share of a draw that breaks nothing; 0 where none has any."""
        whole = (effect for effect, broken in zip(self.effects, self.broken, strict=True) if not broken)
        return max([0.0, *(effect / reached for effect in whole)])

    def n_as_strong(self, reached: float) -> int:
        """Number of draws that go as far as the edit."""
        return sum(effect >= reached for effect in self.effects)


@dataclass(frozen=True)
class Decision(Generic[Figures]):
    """A study's outcome, in figures."""

    measure: Measure[Figures]
    arms: tuple[Figures, ...]
    outcome: Outcome
    why: Why | None
    """The obstacle to a specific effect; None if there is none."""
    effect: float
    """The edit's."""
    breaks: tuple[Break, ...]
    """Everything that the edit breaks."""
    controls: tuple[Controls, ...]

    @property
    def base(self) -> Figures:
        """The unedited model."""
        return _first(self.arms, "base")

    @property
    def edit(self) -> Figures:
        """The arm that is judged."""
        return _first(self.arms, "edit")

    def alike(self) -> Controls | None:
        """The first kind of random heads that reaches the edit's effect too.

        They do by half on average, or one draw does wholly; but not one that breaks the model, since whatever breaks it
        takes the concept too.
        """
        t = self.measure.thresholds
        for controls in self.controls:
            average, strongest = controls.share(self.effect), controls.strongest(self.effect)
            if controls.p >= t.significance or average > t.control_share or strongest >= 1:
                return controls
        return None


def decide(measure: Measure[Figures], arms: Sequence[Figures], p_matched: float, p_random: float) -> Decision[Figures]:
    """Decide what a study shows.

    In this order: a base that leaves nothing to see, or an edit of the wrong direction, is `undecidable`; a model that
    falls apart is `over-intervened`, or `incoherent` where an enhancement ends in repetition or in text that the model
    itself finds improbable; a small or uncertain change is `no effect`; a change that random heads, or any single draw
    of them that breaks nothing, reach as well is `not specific`; what is left is `specific`.

    Args:
        measure: How the figures are read.
        arms: Base, edit, random heads of the same layers (`matched`) and of any layer (`random`), and others.
        p_matched: Permutation p-value over questions against random heads of the same layers.
        p_random: The same against random heads of any layer.
    """
    base, edit = _first(arms, "base"), _first(arms, "edit")
    breaks, reached = measure.breaks(base, edit), measure.effect(base, edit)
    controls = _drawn(measure, base, arms, "matched", p_matched), _drawn(measure, base, arms, "random", p_random)

    def decided(outcome: Outcome, why: Why | None) -> Decision[Figures]:
        return Decision(measure, tuple(arms), outcome, why, reached, breaks, controls)

    if unclear := measure.unclear(base, edit):
        return decided(Outcome.UNDECIDABLE, unclear)
    if breaks:
        return decided(Outcome(broken_word(breaks, measure.direction)), Why.BROKEN)
    if not measure.is_certain(edit):
        return decided(Outcome.NO_EFFECT, Why.UNCERTAIN)
    if reached < measure.thresholds.smallest_effect:
        return decided(Outcome.NO_EFFECT, Why.SMALL)
    specific = decided(Outcome.SPECIFIC, None)
    return decided(Outcome.NOT_SPECIFIC, Why.RANDOM_HEADS) if specific.alike() else specific


def broken_word(breaks: Sequence[Break], direction: Direction) -> DoseWord:
    """The name of a broken model: an enhancement that ends in babble is `incoherent`."""
    babble = any(found.is_babble for found in breaks)
    return DoseWord.INCOHERENT if direction == "enhance" and babble else DoseWord.OVER_INTERVENED


def _first(arms: Sequence[Figures], kind: ArmKind) -> Figures:
    return next(arm for arm in arms if arm.kind == kind)


def _drawn(measure: Measure[Figures], base: Figures, arms: Sequence[Figures], kind: ArmKind, p: float) -> Controls:
    draws = [arm for arm in arms if arm.kind == kind]
    return Controls(
        kind,
        p,
        tuple(measure.level(arm).value for arm in draws),
        tuple(measure.effect(base, arm) for arm in draws),
        tuple(bool(measure.breaks(base, arm)) for arm in draws),
    )
