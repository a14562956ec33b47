"""Words and phrases found in what a model writes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from headpursuit.words import ARTICLES, Depth, Word, compared, depth_of, split


@dataclass(frozen=True)
class Match:
    """A place where a text has a phrase."""

    phrase: tuple[str, ...]
    """As it is compared; see `words.compared`."""
    found: tuple[Word, ...]
    """The text's words that are the phrase, in its order; at their depth nothing stands between them."""

    @property
    def start(self) -> int:
        """Its first character in the text."""
        return self.found[0].start

    @property
    def end(self) -> int:
        """The character behind its last one."""
        return self.found[-1].end


class Phrases:
    """Accepted answers, the words of a concept or of classes: what a text may name.

    Each is compared at its own depth (`words.depth_of`). One of articles alone is a letter if it has capitals: `A` of A
    to D is not in `it is a dog`, where a small letter and the word behind it make it an article.
    """

    def __init__(self, expected: Iterable[str]) -> None:
        self._letters: dict[tuple[str, ...], bool] = {}
        self._by_depth: dict[Depth, set[tuple[str, ...]]] = {}
        for text in expected:
            if phrase := compared(text):
                self._by_depth.setdefault(depth_of(text), set()).add(phrase)
                letter = ARTICLES.issuperset(phrase) and not text.islower()
                self._letters[phrase] = letter and self._letters.get(phrase, True)
        self._lengths = {
            depth: sorted({len(phrase) for phrase in phrases}, reverse=True)
            for depth, phrases in self._by_depth.items()
        }

    def matches(self, text: str) -> Iterator[Match]:
        """Places of the phrases in a text, from its beginning; of those that begin together the longest, none twice."""
        at_depth = {depth: [w for w in split(text) if w.depth <= depth] for depth in self._by_depth}
        places = {depth: {word.start: i for i, word in enumerate(words)} for depth, words in at_depth.items()}
        behind = 0
        for word in split(text):
            if word.start < behind:
                continue
            here = (
                self._at(text, at_depth[depth], places[depth][word.start], depth)
                for depth in self._by_depth
                if word.depth <= depth
            )
            match = max(filter(None, here), key=lambda match: match.end, default=None)
            if match:
                yield match
                behind = match.end

    def _at(self, text: str, words: list[Word], place: int, depth: Depth) -> Match | None:
        for length in self._lengths[depth]:
            found = tuple(words[place : place + length])
            phrase = tuple(word.text for word in found)
            if phrase in self._by_depth[depth] and not (self._letters[phrase] and _is_article(text, found)):
                return Match(phrase, found)
        return None


def _is_article(text: str, found: tuple[Word, ...]) -> bool:
    """True for small letters with nothing but spaces before the next word."""
    start, end = found[0].start, found[-1].end
    behind = next((word for word in split(text) if word.start >= end), None)
    if behind is None or not (behind.depth == Depth.WORDS or behind.text in ARTICLES):
        return False
    return text[start:end].islower() and text[end : behind.start].isspace()


@lru_cache(maxsize=1 << 10)
def _phrases(expected: tuple[str, ...]) -> Phrases:
    return Phrases(expected)


def phrases(expected: Iterable[str]) -> Phrases:
    """The phrases of expected texts, kept for the next time."""
    return _phrases(tuple(expected))
