"""A study's outcome, in a word, and the reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from headpursuit.studies.results.figures import ArmKind, Estimate


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
    FEW_DRAWS = "few draws"
    """Too few draws of random heads to say whether they do."""


@dataclass(frozen=True)
class Beside:
    """An edit among the draws of random heads of one kind."""

    kind: ArmKind
    """Of the same layers (`matched`), or of any (`random`)."""
    n_draws: int
    n_broken: int
    """Draws that break the model."""
    n_as_strong: int
    """Draws that go as far as the edit."""
    p: float
    """(1 + those) / (1 + all): uniform where the edit is one more draw."""
    student_p: float
    """The same if effects of draws are normally distributed."""


class Word(StrEnum):
    """The standing of an edit beside another way to the same end."""

    BETTER = "better than"
    AS_GOOD = "as good as"
    WORSE = "worse than"
    NEITHER = "no better and no worse than"
    """Both break the model."""


@dataclass(frozen=True)
class Compared:
    """An edit beside a prompt or a direction, which were given the same tolerated damage."""

    name: str
    """The arm's."""
    word: Word
    difference: Estimate
    """The distance by which the edit moves the target score further, paired by question; 95 % interval over facts."""
    breaks: bool
    """The arm breaks the model on held-out questions."""


@dataclass(frozen=True)
class Verdict:
    """A study's verdict, in plain words."""

    outcome: Outcome
    sentence: str
    """The outcome in one sentence."""
    reasons: tuple[str, ...]
    """The measurements behind it, one sentence each."""
    why: Why | None = None
    """The obstacle; None if there is none, and in results of older versions."""
    beside: tuple[Beside, ...] = ()
    """The edit among random heads of each kind; none in results of older versions."""
    compared: tuple[Compared, ...] = ()
    """The edit beside a prompt and directions; none where they were left out, and in results of older versions."""

    @classmethod
    def upgraded(cls, content: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of older files, without p-values over questions, which took the draws as given."""
        return {name: value for name, value in content.items() if name not in ("p_matched", "p_random")}
