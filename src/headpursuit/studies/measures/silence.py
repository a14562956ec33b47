"""Outputs without a word, as an effect is judged by."""

from collections.abc import Sequence

from headpursuit.studies.tasks import Direction
from headpursuit.studies.text.metrics import is_empty


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
