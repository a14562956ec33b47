"""How much of a concept captions name."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from headpursuit.studies.metrics import normalise


def concept_words_in(caption: str, words: Iterable[str]) -> list[str]:
    """A concept's words in a caption, in its order and as often as they occur, as `metrics.normalise` writes them.

    Whole words only, so plurals count where the concept lists them; a phrase counts once, and its parts not again.
    """
    given = normalise(caption).split()
    return [" ".join(given[start:end]) for start, end in _matches(given, words)]


def without_words(caption: str, words: Iterable[str]) -> str:
    """A caption without a concept's words, as `metrics.normalise` writes it.

    Articles go too: their form depends on the word behind them, and `an orange square` becomes `a square`.
    """
    given = normalise(caption).split()
    left = set(range(len(given))).difference(*(range(start, end) for start, end in _matches(given, words)))
    return " ".join(given[i] for i in sorted(left))


def concept_places(caption: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """Where a caption names a concept: first character of each word or phrase, and the one behind its last."""
    found = [word for word in _WORD.finditer(caption) if word[0].lower() not in _ARTICLES]
    matches = _matches([word[0].lower() for word in found], words)
    return [(found[start].start(), found[end - 1].end()) for start, end in matches]


_WORD = re.compile(r"[^\W_]+")
_ARTICLES = frozenset({"a", "an", "the"})


def _matches(given: Sequence[str], words: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where words or phrases of a concept are among a caption's words, the longest first."""
    phrases, lengths = _phrases(tuple(words))
    start = 0
    while start < len(given):
        left = len(given) - start
        length = next((n for n in lengths if n <= left and tuple(given[start : start + n]) in phrases), 0)
        if length:
            yield start, start + length
        start += length or 1


@lru_cache(maxsize=16)
def _phrases(words: tuple[str, ...]) -> tuple[frozenset[tuple[str, ...]], tuple[int, ...]]:
    """A concept's words and phrases as `normalise` writes them, and their lengths, the largest first."""
    phrases = frozenset(tuple(normalise(word).split()) for word in words) - {()}
    return phrases, tuple(sorted({len(phrase) for phrase in phrases}, reverse=True))


def concept_frequency(caption: str, words: Iterable[str]) -> int:
    """How many of a concept's words a caption has, repeated ones counted again."""
    return len(concept_words_in(caption, words))


def n_words(caption: str) -> int:
    """A caption's length in words, articles not counted."""
    return len(normalise(caption).split())
