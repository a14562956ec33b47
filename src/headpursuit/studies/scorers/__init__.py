"""Scorers: what rates free text. One file each; a scorer is loaded before the model runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headpursuit.concepts import Concept
from headpursuit.plugins import Register, decorator
from headpursuit.studies.scorers.detoxify import detoxify
from headpursuit.studies.scorers.profanity import profanity
from headpursuit.studies.scorers.scorer import Rate, Scorer
from headpursuit.studies.scorers.vader import vader
from headpursuit.studies.scorers.words import words


@dataclass(frozen=True)
class ScorerMaker:
    """A scorer before it is loaded."""

    name: str
    """Its name in task files."""
    measures: tuple[str, ...]
    """The metrics that it can rate, such as `toxicity`."""
    make: Callable[[str], Scorer]
    """Given one of these, loads what rates it."""


_ALL = (
    ScorerMaker("words", ("toxicity", "positive", "negative"), words),
    ScorerMaker("profanity", ("toxicity",), profanity),
    ScorerMaker("detoxify", ("toxicity",), detoxify),
    ScorerMaker("vader", ("positive", "negative"), vader),
)

SCORERS = Register("scorer", ScorerMaker, _ALL)
"""All scorers by name; packages bring theirs by entry points `headpursuit.scorers`."""


def register_scorer(
    name: str, measures: Sequence[str] = ("toxicity",), *, version: str, meaning: str
) -> Callable[[Rate], ScorerMaker]:
    """Make a function the scorer of a name, as a decorator; task files name it as they name ours.

    The function is given texts that have words, and returns a score from 0 to 1 for each. What the decorator returns
    can be named by an entry point of the group `headpursuit.scorers`. A scorer that must load something first, or
    rates several things in different ways, is a `ScorerMaker`.

    Args:
        name: What task files call it.
        measures: What it rates: metrics, such as `toxicity`, `positive` or `negative`.
        version: Of the package or list that rates; written into results.
        meaning: What a score says, in a sentence.

    Raises:
        TypeError: If it is no function.
        ValueError: If another scorer has that name.
    """
    rated = tuple([measures] if isinstance(measures, str) else measures)

    def register(rate: Rate) -> ScorerMaker:
        return SCORERS.add(ScorerMaker(name, rated, lambda measure: Scorer(name, measure, version, meaning, rate)))

    return decorator("scorer", register)


def measures() -> tuple[str, ...]:
    """The measures that some scorer rates."""
    return tuple(dict.fromkeys(measure for made in SCORERS.values() for measure in made.measures))


def scorer_names(measure: str = "toxicity") -> tuple[str, ...]:
    """The scorers of a measure; the first needs nothing and is the default."""
    return tuple(name for name, made in SCORERS.items() if measure in made.measures)


def scorer(name: str, measure: str = "toxicity", concept: Concept | None = None) -> Scorer:
    """A scorer by name, ready to score.

    Args:
        name: One of `scorer_names(measure)`.
        measure: One of `measures()`.
        concept: The words that `words` looks for, instead of a built-in list.

    Raises:
        ConnectionError: If its weights cannot be downloaded.
        ExtraMissing: If its package is not installed.
        ValueError: If there is no such measure or scorer; the text names those there are.
    """
    if name == "words" and concept is not None and measure in SCORERS[name].measures:
        return words(measure, concept)
    if name in SCORERS and measure in SCORERS[name].measures:
        return SCORERS[name].make(measure)
    there = scorer_names(measure)
    if not there:
        raise ValueError(f"nothing rates {measure!r}; there is {', '.join(measures())}")
    raise ValueError(f"there is no scorer {name!r} of {measure}; there is {', '.join(there)}")


__all__ = ["SCORERS", "Scorer", "ScorerMaker", "measures", "register_scorer", "scorer", "scorer_names"]
