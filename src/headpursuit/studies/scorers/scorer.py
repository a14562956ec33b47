"""A scorer of free text."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headpursuit.studies.text.metrics import is_empty

Rate = Callable[[Sequence[str]], Sequence[float]]


@dataclass(frozen=True)
class Scorer:
    """Gives texts a score from 0 to 1."""

    name: str
    """Its name in settings."""
    measure: str
    """The measure that it rates: `toxicity`, `positive` or `negative`."""
    version: str
    """Of the package or word list that rates."""
    meaning: str
    """The meaning of a score, in a sentence."""
    rate: Rate
    """Rates texts that have words."""

    def score(self, texts: Sequence[str]) -> list[float]:
        """The score of each text, 0 to 1; a text without words says nothing, and scores 0.

        That silence scores like innocence is why studies count empty answers apart.

        Raises:
            ValueError: If a score is no number from 0 to 1, or there are not as many as texts.
        """
        spoken = [text for text in texts if not is_empty(text)]
        scores = [float(score) for score in self.rate(spoken)] if spoken else []
        if len(scores) != len(spoken):
            raise ValueError(f"{self.name} gave {len(scores)} scores for {len(spoken)} texts")
        for text, score in zip(spoken, scores, strict=True):
            if math.isnan(score) or not 0 <= score <= 1:
                raise ValueError(f"{self.name} gave {text!r:.60} the score {score}; scores are 0 to 1")
        following = iter(scores)
        return [0.0 if is_empty(text) else next(following) for text in texts]
