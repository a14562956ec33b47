"""The words of a concept in captions."""

from collections.abc import Iterable

from headpursuit.studies.text.phrases import phrases
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
    """The places where a caption names a concept: first character of each match, and the one behind its last."""
    return [(match.start, match.end) for match in phrases(concept).matches(caption)]


def segments(text: str, concept: Iterable[str]) -> list[tuple[str, bool]]:
    """A text in pieces, and of each whether it names the concept."""
    pieces, start = [], 0
    for begin, end in concept_places(text, concept):
        pieces += [(text[start:begin], False), (text[begin:end], True)]
        start = end
    return [piece for piece in (*pieces, (text[start:], False)) if piece[0]]


def concept_frequency(caption: str, concept: Iterable[str]) -> int:
    """The number of a concept's words in a caption, repeated ones counted again."""
    return len(concept_words_in(caption, concept))


def n_words(caption: str) -> int:
    """A caption's length in words, articles not counted."""
    return len(words(caption))
