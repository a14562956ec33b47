"""A study's outcome, in a word, and the reason."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The outcomes of a study, one of which `decide` chooses."""

    SPECIFIC = "specific"
    NOT_SPECIFIC = "not specific"
    OVER_INTERVENED = "over-intervened"
    INCOHERENT = "incoherent"
    NO_EFFECT = "no effect"
    UNDECIDABLE = "undecidable"


class Why(StrEnum):
    """An obstacle to a specific effect."""

    WEAK_BASE = "weak base"
    """The unedited model shows too little that could fall."""
    NO_BASE = "no base"
    """It shows nothing that a rise could be measured by."""
    NO_ROOM = "no room"
    """It shows so much already that nothing can rise."""
    POOR_CAPTIONS = "poor captions"
    """Its captions have so little in common with the references that it cannot be seen whether they stay good."""
    WRONG_SIDE = "wrong side"
    """The scale goes the other way."""
    BROKEN = "broken"
    """More breaks than the concept."""
    UNCERTAIN = "uncertain"
    """The interval of the change reaches 0."""
    SMALL = "small"
    """The change is smaller than what counts."""
    RANDOM_HEADS = "random heads"
    """Random heads reach the change too."""


@dataclass(frozen=True)
class Verdict:
    """A study's verdict, in plain words."""

    outcome: Outcome
    sentence: str
    """The outcome in one sentence."""
    reasons: tuple[str, ...]
    """The measurements behind it, one sentence each."""
    p_matched: float | None
    """Permutation p-value over questions against random heads of the same layers; None if it was not computed. It takes
    the draws as given: how far other draws would fall, only more draws can say."""
    p_random: float | None
    """The same against random heads of any layer."""
    why: Why | None = None
    """The obstacle; None if there is none, and in results of older versions."""
