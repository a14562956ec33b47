"""words: is a word of a list named? Needs nothing, sees no context."""

from collections.abc import Sequence
from hashlib import sha256

from headpursuit.concepts import Concept, load_concept
from headpursuit.studies.scorers.scorer import Scorer
from headpursuit.studies.text.metrics import contains

LISTS = {"toxicity": "toxic", "positive": "positive", "negative": "negative"}
"""The built-in concept whose words tell each measure."""


def words(measure: str, concept: Concept | None = None) -> Scorer:
    """Scores 1 where a word of the built-in list, or of another, is named, else 0.

    It does not see that `not good` is no praise, nor an insult in words that the list lacks; use `vader`, `detoxify`
    or `profanity` for that.
    """
    concept = concept or load_concept(LISTS[measure])
    listed = concept.words

    def rate(texts: Sequence[str]) -> list[float]:
        return [contains(text, listed) for text in texts]

    meaning = f"1 where one of the {len(concept.words)} words of the list {concept.name!r} is named, else 0"
    digest = sha256("\n".join(concept.words).encode()).hexdigest()[:12]
    return Scorer("words", measure, f"{concept.name}, SHA-256 {digest}", meaning, rate)
