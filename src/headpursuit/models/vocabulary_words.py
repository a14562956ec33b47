"""Whole words of a vocabulary, and the forms that its tokens are written in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from jaxtyping import Int
from torch import Tensor

from headpursuit.models.language_model import LanguageModel
from headpursuit.models.tokens import token_pieces, token_texts
from headpursuit.models.vocabulary import n_tokens

Case: TypeAlias = Literal["lower", "capitalised", "capitals", "other"]

_CONTINUES = "##"
"""WordPiece's mark of what goes on with a word."""

_MARKS = ("Ġ", "▁", " ", _CONTINUES)
"""Marks that tokenizers write in front of a token that begins a word (or, BERT's, goes on with one)."""


@dataclass(frozen=True, order=True)
class WordKind:
    """The writing of a token."""

    spaced: bool
    """With a leading space."""
    case: Case


@dataclass(frozen=True)
class VocabularyWord:
    """A word that the vocabulary has a token for, in one way of writing it or several."""

    word: str
    """In lower case."""
    token_ids: dict[WordKind, int]
    """Of several tokens written alike, the first."""


@dataclass(frozen=True)
class VocabularyWords:
    """All words of a vocabulary, and how every token is written."""

    words: tuple[VocabularyWord, ...]
    """In alphabetical order. Where the vocabulary marks how words begin, one token of each has the mark."""
    texts: tuple[str, ...]
    """Every token as text, with its leading space."""

    def kind(self, token_id: int) -> WordKind:
        """The writing of a token, of a whole word or not."""
        return _kind(self.texts[token_id])

    def without(self, words: Iterable[str], token_ids: Iterable[int]) -> tuple[VocabularyWord, ...]:
        """The words that are neither of these words, however written, nor have one of these tokens."""
        named, taken = {word.lower() for word in words}, set(token_ids)
        return tuple(w for w in self.words if w.word not in named and taken.isdisjoint(w.token_ids.values()))


def vocabulary_words(model: LanguageModel) -> VocabularyWords:
    """Find the whole words of a vocabulary.

    A word is letters and digits only, of at least two characters. In a vocabulary that marks how words begin (with a
    leading space, or the others with ##), pieces that only go on with a word are left out. That a marked piece is a
    whole word, and no mere beginning, cannot be told from the vocabulary.
    """
    pieces = token_pieces(model, n_tokens(model))
    texts = token_texts(model, range(len(pieces)))
    special = set(model.tokenizer.all_special_ids)
    marks_spaces = any(text.startswith(" ") for text in texts)
    found: dict[str, dict[WordKind, int]] = {}
    begun: set[str] = set()
    for i, (piece, text) in enumerate(zip(pieces, texts, strict=True)):
        bare = text.lstrip()
        if piece is None or i in special or len(bare) < 2 or not bare.isalnum() or piece.startswith(_CONTINUES):
            continue
        found.setdefault(bare.lower(), {}).setdefault(_kind(text), i)
        if text.startswith(" ") or not marks_spaces:
            begun.add(bare.lower())
    return VocabularyWords(tuple(VocabularyWord(word, found[word]) for word in sorted(begun)), texts)


def _kind(text: str) -> WordKind:
    bare = text.strip()
    case: Case = "other"
    if bare.islower():
        case = "lower"
    elif bare.isupper() and len(bare) > 1:
        case = "capitals"
    elif bare[:1].isupper() and bare[1:] == bare[1:].lower():
        case = "capitalised"
    return WordKind(text.startswith(" "), case)


def token_forms(model: LanguageModel) -> Int[Tensor, " vocab"]:
    """A number for each token's form: tokens of one form begin alike (with a space or not) and share their case.

    Cases are all small letters, a capital first, all capitals, letters without case, and anything else.
    """
    pieces = token_pieces(model, n_tokens(model))
    numbers: dict[tuple[str, str], int] = {}
    return torch.tensor([numbers.setdefault(_form_of(piece or ""), len(numbers)) for piece in pieces])


def _form_of(piece: str) -> tuple[str, str]:
    mark = next((mark for mark in _MARKS if piece.startswith(mark)), "")
    return mark, _case(piece.removeprefix(mark))


def _case(word: str) -> str:
    # Byte-level tokenizers write other scripts' letters as bytes, some of which stand for no letter.
    if not word or not all(c.isalpha() or not c.isascii() for c in word):
        return "other"
    if word == word.lower():
        return "small" if word != word.upper() else "none"
    return "capitals" if word == word.upper() and len(word) > 1 else "first"
