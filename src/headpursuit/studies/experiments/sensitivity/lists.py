"""Lists of tokens made from others: fewer words, other words, other spellings."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from random import Random

from headpursuit.concepts import Concept
from headpursuit.models import ConceptTokens, Spelling, VocabularyWord, VocabularyWords, WordKind


def known_words(found: ConceptTokens) -> tuple[str, ...]:
    """The words that some token stands for; the others change no ranking."""
    dropped = set(found.dropped_words)
    return tuple(word for word in found.concept.words if word not in dropped)


def with_words(found: ConceptTokens, words: Collection[str]) -> ConceptTokens:
    """Only these words, in the concept's order: what `tokens_of` makes of a concept of them."""
    kept = tuple(word for word in found.concept.words if word in set(words))
    return _listed(replace(found.concept, words=kept), (s for s in found.spellings if s.word in set(kept)))


def with_spellings(found: ConceptTokens, keep: Callable[[Spelling], bool]) -> ConceptTokens | None:
    """Only some ways of writing the words; None if no token is left."""
    spellings = tuple(s for s in found.spellings if keep(s))
    if all(s.dropped for s in spellings):
        return None
    return _listed(found.concept, spellings)


def union(first: ConceptTokens, second: ConceptTokens) -> ConceptTokens:
    """The words of both."""
    words = tuple(dict.fromkeys((*first.concept.words, *second.concept.words)))
    return _listed(replace(first.concept, words=words), (*first.spellings, *second.spellings))


def look_alikes(
    found: ConceptTokens, words: Collection[str], vocabulary: VocabularyWords, rng: Random
) -> ConceptTokens:
    """For each of some words of a concept, a random word of the vocabulary that is written in the same ways.

    `France` with the tokens " France" and "France" becomes a word that has a capitalised token with and without leading
    space too, so as many tokens come out as go in. Where the vocabulary has no such word left, one for each way of
    writing; then any word.

    Raises:
        ValueError: If the vocabulary has too few words beside the concept's.
    """
    pool = list(vocabulary.without(found.concept.words, found.token_ids))
    rng.shuffle(pool)
    spellings: list[Spelling] = []
    for kinds in _kinds_of_words(found, words, vocabulary):
        for group in (kinds,) if any(kinds <= w.token_ids.keys() for w in pool) else [{kind} for kind in sorted(kinds)]:
            spellings += _taken(pool, group, vocabulary)
    drawn = tuple(dict.fromkeys(s.word for s in spellings))
    return _listed(Concept(found.concept.name, drawn), spellings)


def _kinds_of_words(found: ConceptTokens, words: Collection[str], vocabulary: VocabularyWords) -> list[set[WordKind]]:
    """The ways of writing each word; a token that several words share counts for the first of them."""
    seen: set[int] = set()
    ways = []
    for word in words:
        own = {s.token_ids[0] for s in found.spellings if s.word == word and not s.dropped} - seen
        seen |= own
        if own:
            ways.append({vocabulary.kind(token) for token in own})
    return ways


def _taken(pool: list[VocabularyWord], kinds: set[WordKind], vocabulary: VocabularyWords) -> list[Spelling]:
    """The first word of the pool that has all these ways of writing, else the first of all; it leaves the pool."""
    if not pool:
        raise ValueError(f"the vocabulary has only {len(vocabulary.words)} words, too few to draw others from")
    place = next((i for i, word in enumerate(pool) if kinds <= word.token_ids.keys()), None)
    word = pool.pop(0 if place is None else place)
    ids = [word.token_ids[kind] for kind in sorted(kinds)] if place is not None else [min(word.token_ids.values())]
    return [_spelled(word.word, vocabulary.texts[i], i) for i in ids]


def _spelled(word: str, text: str, token: int) -> Spelling:
    return Spelling(word, text, (token,), (text,), "")


def _listed(concept: Concept, spellings: Iterable[Spelling] | Sequence[Spelling]) -> ConceptTokens:
    spellings = tuple(spellings)
    return ConceptTokens(concept, spellings, tuple(sorted({s.token_ids[0] for s in spellings if not s.dropped})))
