"""From figures to an outcome and what stood in its way; `sentences` says it in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from headpursuit.studies.judging.draws import Controls
from headpursuit.studies.measures import Break, Measure
from headpursuit.studies.results import ArmKind, DoseWord, Figures, Outcome, Why
from headpursuit.studies.tasks import Direction


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
    controls: tuple[Controls[Figures], ...]

    @property
    def base(self) -> Figures:
        """The unedited model."""
        return _first(self.arms, "base")

    @property
    def edit(self) -> Figures:
        """The arm that is judged."""
        return _first(self.arms, "edit")

    def too_few(self) -> Controls[Figures] | None:
        """The first kind of random heads with too few draws for a verdict."""
        return next((each for each in self.controls if each.too_few(self.measure.thresholds)), None)

    def alike(self) -> Controls[Figures] | None:
        """The first kind of random heads that does what the edit does."""
        return next((each for each in self.controls if each.alike(self.measure.thresholds)), None)


def decide(measure: Measure[Figures], arms: Sequence[Figures]) -> Decision[Figures]:
    """Decide what a study shows.

    In this order: a base that leaves nothing to see, or an edit of the wrong direction, is `undecidable`; a model that
    falls apart is `over-intervened`, or `incoherent` where an enhancement ends in repetition or in text that the model
    itself finds improbable; a small or uncertain change is `no effect`; too few draws of random heads leave it
    `undecidable` again; a change that may be that of one more draw, or that draws share by half, is `not specific`;
    what is left is `specific`.

    Args:
        measure: How the figures are read.
        arms: Base, edit, random heads of the same layers (`matched`) and of any layer (`random`), and others.
    """
    base, edit = _first(arms, "base"), _first(arms, "edit")
    breaks, reached = measure.breaks(base, edit), measure.effect(base, edit)
    kinds: tuple[ArmKind, ...] = ("matched", "random")
    drawn = ([arm for arm in arms if arm.kind == kind] for kind in kinds)
    controls = tuple(Controls.of(measure, base, edit, draws, kind) for kind, draws in zip(kinds, drawn, strict=True))

    def decided(outcome: Outcome, why: Why | None) -> Decision[Figures]:
        return Decision(measure, tuple(arms), outcome, why, reached, breaks, controls)

    if unclear := measure.unclear(base, edit):
        return decided(Outcome.UNDECIDABLE, unclear)
    if breaks:
        return decided(Outcome(broken_word(breaks, measure.direction)), Why.BROKEN)
    if not measure.is_certain(base, edit):
        return decided(Outcome.NO_EFFECT, Why.UNCERTAIN)
    if reached < measure.thresholds.smallest_effect:
        return decided(Outcome.NO_EFFECT, Why.SMALL)
    specific = decided(Outcome.SPECIFIC, None)
    if specific.too_few():
        return decided(Outcome.UNDECIDABLE, Why.FEW_DRAWS)
    return decided(Outcome.NOT_SPECIFIC, Why.RANDOM_HEADS) if specific.alike() else specific


def broken_word(breaks: Sequence[Break], direction: Direction) -> DoseWord:
    """The name of a broken model: an enhancement that ends in babble is `incoherent`."""
    babble = any(found.is_babble for found in breaks)
    return DoseWord.INCOHERENT if direction == "enhance" and babble else DoseWord.OVER_INTERVENED


def _first(arms: Sequence[Figures], kind: ArmKind) -> Figures:
    return next(arm for arm in arms if arm.kind == kind)
