"""Long answers to some of a study's held-out questions."""

from dataclasses import dataclass
from typing import Literal

from headpursuit.studies.results.figures import ArmKind, Estimate, GroupSummary


@dataclass(frozen=True)
class LongArm:
    """One arm's long answers."""

    name: str
    kind: ArmKind
    degenerate: float
    """Fraction of all answers that repeat themselves or say nothing, and count nowhere else."""
    target: GroupSummary | None
    """Of questions whose answers are degenerate neither here nor under the unedited model; None without any."""
    unrelated: GroupSummary | None
    left: Estimate | None
    """Target score over that of the unedited model on the same questions, taken as given; None for itself."""
    unrelated_left: Estimate | None


@dataclass(frozen=True)
class LongAnswers:
    """Some of the held-out questions, answered at length under several arms."""

    decoding: Literal["greedy", "sampled"]
    n_tokens: int
    """Of each answer."""
    arms: tuple[LongArm, ...]
    """The unedited model first, then the edit."""
