"""How a token is written: what it begins with, and its case."""

import torch
from jaxtyping import Int
from torch import Tensor

from headpursuit.models.language_model import LanguageModel
from headpursuit.models.tokens import token_pieces
from headpursuit.models.vocabulary import n_tokens

_MARKS = ("Ġ", "▁", " ", "##")
"""What tokenizers write in front of a token that begins a word (or, BERT's, goes on with one)."""


def token_forms(model: LanguageModel) -> Int[Tensor, " vocab"]:
    """A number for each token's form: tokens of one form begin alike (with a space or not) and share their case.

    Cases are all small letters, a capital first, all capitals, letters without case, and anything else.
    """
    pieces = token_pieces(model, n_tokens(model))
    numbers: dict[tuple[str, str], int] = {}
    return torch.tensor([numbers.setdefault(_form(piece or ""), len(numbers)) for piece in pieces])


def _form(piece: str) -> tuple[str, str]:
    mark = next((mark for mark in _MARKS if piece.startswith(mark)), "")
    return mark, _case(piece.removeprefix(mark))


def _case(word: str) -> str:
    # Byte-level tokenizers write other scripts' letters as bytes, some of which stand for no letter.
    if not word or not all(c.isalpha() or not c.isascii() for c in word):
        return "other"
    if word == word.lower():
        return "small" if word != word.upper() else "none"
    return "capitals" if word == word.upper() and len(word) > 1 else "first"
