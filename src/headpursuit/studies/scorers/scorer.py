"""A scorer of free text."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headpursuit.plugins import named, number
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
            ValueError: If a score is no number from 0 to 1, there are not as many as texts, or the scorer fails.
        """
        spoken = [text for text in texts if not is_empty(text)]
        with named(f"the scorer {self.name}"):
            given = list(self.rate(spoken)) if spoken else []
        scores = [number(score) for score in given]
        if len(scores) != len(spoken):
            raise ValueError(f"{self.name} gave {len(scores)} scores for {len(spoken)} texts")
        for text, score, shown in zip(spoken, scores, given, strict=True):
            if math.isnan(score) or not 0 <= score <= 1:
                raise ValueError(f"{self.name} gave {text!r:.60} the score {shown!r:.60}; scores are 0 to 1")
        following = iter(scores)
        return [0.0 if is_empty(text) else next(following) for text in texts]
