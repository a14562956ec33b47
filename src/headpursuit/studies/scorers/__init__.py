"""Scorers: what rates free text. One file each; a scorer is loaded before the model runs."""

from collections.abc import Callable

from headpursuit.studies.scorers.detoxify import detoxify
from headpursuit.studies.scorers.profanity import profanity
from headpursuit.studies.scorers.scorer import Scorer
from headpursuit.studies.scorers.vader import vader
from headpursuit.studies.scorers.words import words

_SCORERS: dict[str, dict[str, Callable[[str], Scorer]]] = {
    "toxicity": {"words": words, "profanity": profanity, "detoxify": detoxify},
    "positive": {"words": words, "vader": vader},
    "negative": {"words": words, "vader": vader},
}

MEASURES = tuple(_SCORERS)
"""What can be rated."""


def scorer_names(measure: str = "toxicity") -> tuple[str, ...]:
    """The scorers of a measure; the first needs nothing and is the default."""
    return tuple(_SCORERS[measure])


def scorer(name: str, measure: str = "toxicity") -> Scorer:
    """A scorer by name, ready to score.

    Args:
        name: One of `scorer_names(measure)`.
        measure: One of `MEASURES`.

    Raises:
        ConnectionError: If its weights cannot be downloaded.
        ExtraMissing: If its package is not installed.
        ValueError: If there is no such measure or scorer; the text names those there are.
    """
    if measure not in _SCORERS:
        raise ValueError(f"nothing rates {measure!r}; there is {', '.join(MEASURES)}")
    if name not in _SCORERS[measure]:
        raise ValueError(f"there is no scorer {name!r} of {measure}; there is {', '.join(scorer_names(measure))}")
    return _SCORERS[measure][name](measure)


__all__ = ["MEASURES", "Scorer", "scorer", "scorer_names"]
