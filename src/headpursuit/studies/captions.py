"""How much of a concept captions name."""

from collections.abc import Iterable

from headpursuit.studies.phrases import phrases
from headpursuit.words import Depth, split, words


def concept_words_in(caption: str, concept: Iterable[str]) -> list[str]:
    """A concept's words in a caption, in its order and as often as they occur, as they are compared.

    Whole words only, so plurals count where the concept lists them; a phrase counts once, and its parts not again.
    """
    return [" ".join(match.phrase) for match in phrases(concept).matches(caption)]


def without_words(caption: str, concept: Iterable[str]) -> str:
    """A caption without a concept's words, as `words.normalise` writes it.

    Articles go too: their form depends on the word behind them, and `an orange square` becomes `a square`.
    """
    named = {word.start for match in phrases(concept).matches(caption) for word in match.found}
    return " ".join(word.text for word in split(caption) if word.depth == Depth.WORDS and word.start not in named)


def concept_places(caption: str, concept: Iterable[str]) -> list[tuple[int, int]]:
    """Where a caption names a concept: first character of each word or phrase, and the one behind its last."""
    return [(match.start, match.end) for match in phrases(concept).matches(caption)]


def concept_frequency(caption: str, concept: Iterable[str]) -> int:
    """How many of a concept's words a caption has, repeated ones counted again."""
    return len(concept_words_in(caption, concept))


def n_words(caption: str) -> int:
    """A caption's length in words, articles not counted."""
    return len(words(caption))
