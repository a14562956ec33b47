"""Between words and token ids: every way to write a concept's words, and the tokens that stand for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from headpursuit.concepts import Concept
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.tokens import is_fragment, token_text, token_texts
from headpursuit.models.vocabulary import output_embedding
from headpursuit.settings import MultiToken

_TAKES = "takes "
"""Beginning of the reason where a spelling has several tokens."""


@dataclass(frozen=True)
class Spelling:
    """One way to write a word, and what the tokenizer makes of it."""

    word: str
    """As it stands in the concept."""
    text: str
    """With or without leading space, as is, in lower case, capitalised or in capitals."""
    token_ids: tuple[int, ...]
    pieces: tuple[str, ...]
    dropped: str
    """The reason that it contributes no token; empty if it does."""


@dataclass(frozen=True)
class ConceptTokens:
    """The tokens of a concept under one tokenizer."""

    concept: Concept
    spellings: tuple[Spelling, ...]
    token_ids: tuple[int, ...]
    """All tokens that stand for the concept, sorted, each once: the restricted dictionary."""

    @property
    def dropped_words(self) -> tuple[str, ...]:
        """Words of which no spelling is left."""
        kept = {s.word for s in self.spellings if not s.dropped}
        return tuple(word for word in self.concept.words if word not in kept)

    @property
    def shared(self) -> dict[int, tuple[str, ...]]:
        """Tokens that stand for several words of the concept at once, with these words; most words first."""
        words: dict[int, dict[str, None]] = {}
        for spelling in self.spellings:
            if not spelling.dropped:
                words.setdefault(spelling.token_ids[0], {})[spelling.word] = None
        several = {token: tuple(found) for token, found in words.items() if len(found) > 1}
        return dict(sorted(several.items(), key=lambda item: (-len(item[1]), item[0])))


def tokens_of(model: LanguageModel, concept: Concept, multi_token: MultiToken = "drop") -> ConceptTokens:
    """Map a concept to token ids: every spelling of every word that is a token of its own.

    Spellings are the word as is, in lower case, capitalised and in capitals, each with and without a leading space.

    Args:
        model: The model whose tokenizer counts.
        concept: The words.
        multi_token: What becomes of spellings of several tokens: `drop`, or `first` token stands for it.

    Raises:
        ValueError: If no token stands for the concept, or the policy is unknown.
    """
    found = spell(model, concept, multi_token)
    if not found.token_ids:
        raise ValueError(f"concept {concept.name!r} has no token in this vocabulary: {why_no_token(found)}")
    return found


def why_no_token(found: ConceptTokens) -> str:
    """The reason that no token stands for a concept, and what to do: by the first spelling of its first word."""
    n_words = len(found.concept.words)
    if all(spelling.dropped.startswith(_TAKES) for spelling in found.spellings):
        whose = f"each of its {n_words} words takes" if n_words > 1 else f"{found.concept.words[0]!r} takes"
        return f"{whose} several tokens; use other words, or `multi_token='first'`"
    more = f" ({n_words - 1} more dropped too)" if n_words > 1 else ""
    return f"{found.concept.words[0]!r}: {found.spellings[0].dropped}{more}; use other words"


def spell(model: LanguageModel, concept: Concept, multi_token: MultiToken = "drop") -> ConceptTokens:
    """`tokens_of`, also for a concept that no token stands for."""
    if multi_token not in get_args(MultiToken):
        raise ValueError(f"unknown multi-token policy {multi_token!r}; choose {' or '.join(get_args(MultiToken))}")
    forms = [(word, text) for word in concept.words for text in _spellings_of(word)]
    encoded = _encoded(model, [text for _, text in forms])
    spellings = tuple(
        Spelling(word, text, ids, pieces, _reason_to_drop(model, ids, pieces, multi_token))
        for (word, text), (ids, pieces) in zip(forms, encoded, strict=True)
    )
    return ConceptTokens(concept, spellings, tuple(sorted({s.token_ids[0] for s in spellings if not s.dropped})))


def first_tokens(model: LanguageModel, words: Sequence[str], *, spaced: bool) -> tuple[int, ...]:
    """The tokens that words begin with, each once.

    Args:
        model: The model whose tokenizer counts.
        words: Such as the accepted answers to a question.
        spaced: Whether a space comes before them, as where an answer follows a text.
    """
    begun = (spelled(model, word, spaced=spaced) for word in words)
    return tuple(dict.fromkeys(ids[0] for ids in begun if ids))


def spelled(model: LanguageModel, word: str, *, spaced: bool) -> tuple[int, ...]:
    """All tokens of a word, as it follows a text; none where its first token is no part of a text.

    Args:
        model: The model whose tokenizer counts.
        word: Such as an accepted answer to a question.
        spaced: Whether a space comes before it.
    """
    ((ids, _),) = _encoded(model, [f" {word}" if spaced else word])
    return () if _unusable(model, ids) else ids


def collisions(
    model: LanguageModel, found: ConceptTokens, others: Sequence[Concept], multi_token: MultiToken = "drop"
) -> dict[str, tuple[str, ...]]:
    """Tokens that a concept shares with others, by the other's name; only those with shared tokens."""
    shared = {}
    for other in others:
        ids = set(spell(model, other, multi_token).token_ids) & set(found.token_ids)
        if ids:
            shared[other.name] = tuple(token_text(model, i) for i in sorted(ids))
    return shared


def _spellings_of(word: str) -> list[str]:
    forms = dict.fromkeys([word, word.lower(), word[:1].upper() + word[1:], word.upper()])
    return [space + form for form in forms for space in (" ", "")]


def _encoded(model: LanguageModel, texts: Sequence[str]) -> Iterator[tuple[tuple[int, ...], tuple[str, ...]]]:
    """The tokens of each text, and these as text, without lone space pieces before it: they say nothing about it."""
    for ids in model.tokenizer(list(texts), add_special_tokens=False)["input_ids"]:
        pieces = token_texts(model, ids)
        n_spaces = next((i for i, piece in enumerate(pieces) if piece.strip()), 0)
        yield tuple(ids[n_spaces:]), pieces[n_spaces:]


def _reason_to_drop(
    model: LanguageModel, ids: tuple[int, ...], pieces: tuple[str, ...], multi_token: MultiToken
) -> str:
    if len(ids) > 1 and multi_token == "drop":
        return _unusable(model, ids[:1]) or f"{_TAKES}{len(ids)} tokens: {'|'.join(pieces)}"
    if len(ids) > 1 and is_fragment(model, ids[0]):
        return f"begins with a part of a character, {pieces[0].strip()}, which begins many others too"
    return _unusable(model, ids)


def _unusable(model: LanguageModel, ids: tuple[int, ...]) -> str:
    """The reason that the first of some tokens cannot be in a dictionary; empty if it can."""
    if not ids:
        return "the tokenizer makes nothing of it"
    if ids[0] in model.tokenizer.all_special_ids:
        return "unknown to the tokenizer"
    if ids[0] >= output_embedding(model).weight.shape[0]:
        return "has no row in the unembedding"
    return ""
