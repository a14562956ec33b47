"""How much of a concept captions name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from headpursuit.studies.metrics import is_empty, normalise, repetition


@dataclass(frozen=True)
class CaptionFigures:
    """Figures of many captions, each a mean over them."""

    concept_frequency: float
    """The concept's words per caption."""
    naming_fraction: float
    """Captions that name any of them, 0 to 1."""
    distinct_words: float
    """Different words of the concept per caption."""
    length: float
    """Words per caption, articles not counted."""
    repetition: float
    """As in `metrics.repetition`, 0 to 1."""
    empty_fraction: float
    """Captions without a word, 0 to 1."""


def concept_words_in(caption: str, words: Iterable[str]) -> list[str]:
    """A concept's words in a caption, in its order and as often as they occur, as `metrics.normalise` writes them.

    Whole words only, so plurals count where the concept lists them; a phrase counts once, and its parts not again.
    """
    phrases = {tuple(normalise(word).split()) for word in words} - {()}
    longest_first = sorted({len(phrase) for phrase in phrases}, reverse=True)
    given, found, start = normalise(caption).split(), [], 0
    while start < len(given):
        length = next((n for n in longest_first if tuple(given[start : start + n]) in phrases), 0)
        if length:
            found.append(" ".join(given[start : start + length]))
        start += length or 1
    return found


def concept_frequency(caption: str, words: Iterable[str]) -> int:
    """How many of a concept's words a caption has, repeated ones counted again."""
    return len(concept_words_in(caption, words))


def n_words(caption: str) -> int:
    """A caption's length in words, articles not counted."""
    return len(normalise(caption).split())


def caption_figures(captions: Sequence[str], words: Sequence[str]) -> CaptionFigures:
    """Figures of captions with regard to a concept's words.

    Raises:
        ValueError: If there are no captions.
    """
    if not captions:
        raise ValueError("there are no captions to measure")
    found = [concept_words_in(caption, words) for caption in captions]
    return CaptionFigures(
        concept_frequency=fmean(len(each) for each in found),
        naming_fraction=fmean(bool(each) for each in found),
        distinct_words=fmean(len(set(each)) for each in found),
        length=fmean(n_words(caption) for caption in captions),
        repetition=fmean(repetition(caption) for caption in captions),
        empty_fraction=fmean(is_empty(caption) for caption in captions),
    )
