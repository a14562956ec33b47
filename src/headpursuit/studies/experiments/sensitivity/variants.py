"""The word lists that are compared with the full one."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Literal, TypeAlias

from headpursuit.concepts import Concept, builtin_concepts, load_concept
from headpursuit.models import ConceptTokens, LanguageModel, VocabularyWords, spell
from headpursuit.studies.experiments.sensitivity.config import SensitivityConfig
from headpursuit.studies.experiments.sensitivity.lists import (
    known_words,
    look_alikes,
    union,
    with_spellings,
    with_words,
)

Kind: TypeAlias = Literal[
    "full", "draws", "subsample", "random words", "other concepts", "shuffled", "synonyms", "tokenisation"
]
"""The list itself; the same with other random dictionaries; some of its words; random words of the vocabulary added;
words of other concepts added; random words only; synonyms; other ways from words to tokens."""

_ALIKE = 0.25
"""A concept that shares more of the list's tokens, or of its own, is not off-concept: nationalities and languages."""

_TRIES = 100
"""Draws that are tried for each one wanted, since short lists have few different ones."""


@dataclass(frozen=True)
class Variant:
    """One list to rank."""

    kind: Kind
    label: str
    """The kind and level as tables call them; variants with the same label are repeats. `full list again` is the
    list with other random dictionaries."""
    level: float | None
    """Fraction of the words that is kept, or added; None for other kinds."""
    found: ConceptTokens
    seed: int
    """Of the random dictionaries."""


def plan_variants(
    model: LanguageModel,
    found: ConceptTokens,
    config: SensitivityConfig,
    vocabulary: VocabularyWords,
    synonyms: Mapping[str, tuple[str, ...]],
) -> tuple[list[Variant], tuple[str, ...]]:
    """Every list to rank, the full one first, and what could not be made, one sentence each.

    Each draw has a seed of its own made of the study's seed and its place, so that it does not depend on what else is
    asked for.

    Raises:
        ValueError: If the concept has too few words to leave some out.
    """
    _check_size(found, config)
    seed, known = config.ranking.seed, known_words(found)
    sizes = {level: max(1, _share(level, len(known))) for level in config.added_fractions}
    others = _other_concepts(model, found, config) if sizes else None
    off_concept = known_words(others) if others else ()

    def fewer(size: int, rng: Random) -> ConceptTokens:
        return with_words(found, rng.sample(known, size))

    def random_words(size: int, rng: Random) -> ConceptTokens:
        return union(found, look_alikes(found, rng.sample(known, size), vocabulary, rng))

    def of_others(size: int, rng: Random) -> ConceptTokens:
        assert others is not None
        return union(found, with_words(others, rng.sample(off_concept, size)))

    def shuffled(rng: Random) -> ConceptTokens:
        return look_alikes(found, known, vocabulary, rng)

    drawn: list[tuple[Kind, str, float | None, Callable[[Random], ConceptTokens]]] = []
    for level in config.kept_fractions:
        size = _share(level, len(known))
        drawn.append(("subsample", f"{100 * level:g} % of the words", level, partial(fewer, size)))
    for level, size in sizes.items():
        drawn.append(("random words", f"+ {100 * level:g} % random words", level, partial(random_words, size)))
        if len(off_concept) >= size:
            drawn.append(("other concepts", f"+ {100 * level:g} % of other concepts", level, partial(of_others, size)))
    drawn.append(("shuffled", "random words only", None, shuffled))

    variants = [Variant("full", "full list", 1.0, found, seed)]
    for number in range(1, config.repeats + 1):
        variants.append(Variant("draws", "full list again", None, found, seed + number))
    for kind, label, at, draw in drawn:
        what = kind if at is None else f"{kind} {at:g}"
        variants += [Variant(kind, label, at, one, seed) for one in _drawn(draw, config, what)]
    named, no_token = _named(model, found, config, synonyms)
    variants += [Variant(kind, label, None, one, seed) for kind, label, one in named]
    too_few = "The other built-in concepts have too few words with a token of this vocabulary to add."
    return variants, (*([too_few] if len(off_concept) < max(sizes.values(), default=0) else []), *no_token)


def _check_size(found: ConceptTokens, config: SensitivityConfig) -> None:
    """Refuse a list of which the smallest fraction is no word."""
    n_known, least = len(known_words(found)), config.kept_fractions[0]
    if not _share(least, n_known):
        enough = [f"{100 * f:g}" for f in config.kept_fractions if _share(f, n_known)]
        advice = (
            f"give larger fractions (`fractions={','.join(enough)}`) or more words" if enough else "give more words"
        )
        raise ValueError(
            f"{found.concept.name} has {n_known} words with a token of their own, and {least:.0%} of them is none; "
            f"{advice}"
        )


def _share(fraction: float, n_words: int) -> int:
    """So many words, rounded down, so that a fraction is never the whole list."""
    return math.floor(fraction * n_words + 1e-9)


def _other_concepts(model: LanguageModel, found: ConceptTokens, config: SensitivityConfig) -> ConceptTokens | None:
    """The words of all built-in concepts that are off-concept, without those that share a token with the list."""
    ours, words, spellings = set(found.token_ids), [], []
    for name in builtin_concepts():
        other = spell(model, load_concept(name), config.ranking.multi_token)
        shared = len(ours & set(other.token_ids))
        if shared > _ALIKE * min(len(ours), len(other.token_ids)):
            continue
        touching = {s.word for s in other.spellings if not s.dropped and s.token_ids[0] in ours}
        words += [word for word in known_words(other) if word not in touching]
        spellings += [s for s in other.spellings if s.word not in touching]
    if not words:
        return None
    return with_words(ConceptTokens(Concept("other concepts", tuple(words)), tuple(spellings), ()), words)


def _named(
    model: LanguageModel, found: ConceptTokens, config: SensitivityConfig, synonyms: Mapping[str, tuple[str, ...]]
) -> tuple[list[tuple[Kind, str, ConceptTokens]], tuple[str, ...]]:
    """Lists that nothing is drawn for: synonyms, and other ways from words to tokens; and what gave no token."""
    made: dict[str, tuple[Kind, ConceptTokens | None]] = {}
    concept, policy = found.concept, config.ranking.multi_token
    if synonyms:
        instead = [s for word in concept.words for s in synonyms.get(word, (word,))]
        also = [*concept.words, *(s for several in synonyms.values() for s in several)]
        for label, words in (("synonyms instead", instead), ("synonyms added", also)):
            made[label] = "synonyms", _spelled(model, Concept(concept.name, tuple(words)), policy)
    if policy == "drop":
        made["several tokens: the first"] = "tokenisation", _spelled(model, concept, "first")
    else:
        made["several tokens: dropped"] = "tokenisation", _spelled(model, concept, "drop")
    made["with leading space only"] = "tokenisation", with_spellings(found, lambda s: s.text.startswith(" "))
    made["without leading space only"] = "tokenisation", with_spellings(found, lambda s: not s.text.startswith(" "))
    made["as written only"] = "tokenisation", with_spellings(found, lambda s: s.text.strip() == s.word)
    made["lower case only"] = "tokenisation", with_spellings(found, lambda s: s.text.islower())
    left_out = tuple(f"No token is left of the list {label}." for label, (_, one) in made.items() if one is None)
    return [(kind, label, one) for label, (kind, one) in made.items() if one is not None], left_out


def _spelled(model: LanguageModel, concept: Concept, policy: Literal["drop", "first"]) -> ConceptTokens | None:
    spelled = spell(model, concept, policy)
    return spelled if spelled.token_ids else None


def _drawn(draw: Callable[[Random], ConceptTokens], config: SensitivityConfig, what: str) -> list[ConceptTokens]:
    """As many different draws as there are repeats; fewer where there are not as many."""
    found: dict[tuple[int, ...], ConceptTokens] = {}
    for number in range(_TRIES * config.repeats):
        one = draw(Random(f"{config.seed} {what} {number}"))
        found.setdefault(one.token_ids, one)
        if len(found) == config.repeats:
            break
    return list(found.values())
