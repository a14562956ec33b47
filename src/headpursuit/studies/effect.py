"""What an edit does and what it breaks, and where the lines are drawn."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from headpursuit.studies.metrics import is_empty
from headpursuit.studies.results import ArmSummary
from headpursuit.studies.scoring import Metric
from headpursuit.studies.tasks import Direction


@dataclass(frozen=True)
class Thresholds:
    """Where the lines are drawn; fractions of the base's value unless said otherwise."""

    weakest_base: float = 0.1
    """Below this score the base has too little to suppress."""
    smallest_effect: float = 0.1
    """A smaller fall or rise of the target score is no effect."""
    unrelated_loss: float = 0.15
    """A larger fall on unrelated questions is over-intervention."""
    perplexity_ratio: float = 2.0
    """A higher ratio of perplexities on neutral text is over-intervention."""
    empty_rise: float = 0.2
    """More additional empty answers (fraction of the questions) are over-intervention."""
    repetition_rise: float = 0.3
    """More additional repetition is over-intervention."""
    asked_effect: float = 0.5
    """A smaller fall or rise of the target score is called too weak on the dose sheet."""
    control_share: float = 0.5
    """Controls that reach more than this share of the edit's effect are as good as it."""
    significance: float = 0.05


@dataclass(frozen=True)
class Asked:
    """What a verdict speaks about."""

    metric: Metric
    """What counts in the target outputs."""
    direction: Direction = "suppress"
    thresholds: Thresholds = Thresholds()


_Rates = float | np.ndarray
"""One, or one of each resample."""


def effect(base: ArmSummary, arm: ArmSummary, direction: Direction = "suppress") -> float:
    """Fraction by which the target score, as it is `counted`, falls (suppress) or rises (enhance); 0 without a base."""
    before, after = base.target, arm.target
    return float(effects(before.score.value, after.score.value + after.silenced, direction))


def counted(
    scores: Sequence[float],
    outputs: Sequence[str],
    before: Sequence[float],
    direction: Direction,
    accepted: Sequence[str] = (),
) -> list[float]:
    """Scores as an effect is judged by, paired with the base's: an output without a word keeps what the base scored.

    What is not said tells nothing about the concept, so silence is never booked as suppression: such an output counts
    as if it were unchanged, on its own question. An output that says something counts as it scores. To enhance,
    silence counts as it scores too, since it only lowers the rise.

    Args:
        scores: What each output scores.
        outputs: The outputs, in the same order.
        before: What the base's output to the same question scores.
        direction: Which way the score is to go.
        accepted: Answers that say something though they may have no word, like `A` or `✓`; see `accepted_answers`.
    """
    if direction == "enhance":
        return list(scores)
    silent = [is_empty(text, accepted) for text in outputs]
    return [max(now, then) if none else now for now, none, then in zip(scores, silent, before, strict=True)]


def effects(before: _Rates, after: _Rates, direction: Direction) -> _Rates:
    """`effect` of mean scores before and after, as they are `counted`; for many at once."""
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    left = np.divide(after, before, out=np.ones(np.broadcast(after, before).shape), where=before > 0)
    return 1 - left if direction == "suppress" else left - 1


def unrelated_loss(base: ArmSummary, arm: ArmSummary) -> float:
    """Fraction of the base's right unrelated answers that are lost; 0 where there are none."""
    if not base.unrelated or not arm.unrelated or not base.unrelated.score.value:
        return 0.0
    return 1 - arm.unrelated.score.value / base.unrelated.score.value


def damage(base: ArmSummary, arm: ArmSummary, thresholds: Thresholds | None = None) -> float:
    """What an edit breaks beside the concept, in units of what is tolerated: above 1 it is over-intervened.

    The largest of: unrelated answers lost, perplexity on neutral text, empty and repeating outputs, each divided by its
    threshold.
    """
    return max((ratio for ratio, _ in _breakage(base, arm, thresholds or Thresholds())), default=0.0)


def signs_of_damage(base: ArmSummary, arm: ArmSummary, thresholds: Thresholds | None = None) -> list[str]:
    """What an edit breaks beside the concept, in words; nothing if it is not over-intervened."""
    return [sign for ratio, sign in _breakage(base, arm, thresholds or Thresholds()) if not ratio <= 1]


def broken_word(signs: Sequence[str], direction: Direction) -> Literal["over-intervened", "incoherent"]:
    """What a broken model is called: an enhancement that ends in babble is `incoherent`."""
    babble = any("repeat themselves" in sign or "perplexity" in sign for sign in signs)
    return "incoherent" if direction == "enhance" and babble else "over-intervened"


def _breakage(base: ArmSummary, arm: ArmSummary, t: Thresholds) -> Iterator[tuple[float, str]]:
    """Every kind of damage: how many times the tolerated one, and what it is in words."""
    loss = unrelated_loss(base, arm)
    yield max(loss, 0) / t.unrelated_loss, f"unrelated questions lose {loss:.0%} of their correct answers"
    ratio = arm.damage.perplexity / base.damage.perplexity
    excess = (ratio - 1) / (t.perplexity_ratio - 1) if math.isfinite(ratio) else math.inf
    yield max(excess, 0), f"perplexity on neutral text is {ratio:.1f} times the base's"
    for name in ("target", "unrelated"):
        now, then = getattr(arm, name), getattr(base, name)
        if now is None or then is None:
            continue
        yield max(now.empty - then.empty, 0) / t.empty_rise, f"{now.empty:.0%} of the {name} answers are empty"
        yield (
            max(now.repetition - then.repetition, 0) / t.repetition_rise,
            f"{name} answers repeat themselves ({now.repetition:.0%} of word pairs)",
        )
