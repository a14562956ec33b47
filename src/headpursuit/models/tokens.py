"""Tokens: the ids that have one, and texts that tell them apart."""

import re
from collections.abc import Sequence

from transformers.convert_slow_tokenizer import bytes_to_unicode

from headpursuit.models.language_model import LanguageModel

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
"""The token of a byte, as sentencepiece vocabularies write it."""

_SPACE = "▁"
"""A space, as they write it; decoding drops the first one."""

_BYTE_OF = {letter: byte for byte, letter in bytes_to_unicode().items()}
"""The bytes that letters of byte-level vocabularies stand for."""


def token_ids(model: LanguageModel) -> tuple[int, ...]:
    """The ids that have a token, sorted. Vocabularies may have holes, so the largest can be above their number."""
    added = getattr(model.tokenizer, "added_tokens_decoder", {})
    return tuple(sorted({*model.tokenizer.get_vocab().values(), *added}))


def token_pieces(model: LanguageModel, n_tokens: int) -> tuple[str | None, ...]:
    """The vocabulary's own names for the first ids; None for those that no token has."""
    ids = [i for i in token_ids(model) if i < n_tokens]
    pieces = dict(zip(ids, model.tokenizer.convert_ids_to_tokens(ids), strict=True))
    return tuple(pieces.get(i) for i in range(n_tokens))


def token_text(model: LanguageModel, token_id: int) -> str:
    """A token as text, with its leading space if it has one, so that different tokens are told apart.

    Bytes that are no whole character are written like `<0xF0>`, and an id that no token has like `<no token 312>`.
    """
    return token_texts(model, [token_id])[0]


def token_texts(model: LanguageModel, token_ids: Sequence[int]) -> tuple[str, ...]:
    """`token_text` of several."""
    return tuple(_text(model, i) for i in token_ids)


def is_fragment(model: LanguageModel, token_id: int) -> bool:
    """True if a token holds a part of a character only, which begins or ends many characters."""
    return "\ufffd" in _decoded(model, token_id) and token_text(model, token_id) != _decoded(model, token_id)


def _decoded(model: LanguageModel, token_id: int) -> str:
    return str(model.tokenizer.decode([token_id], clean_up_tokenization_spaces=False))


def _text(model: LanguageModel, token_id: int) -> str:
    try:
        piece = model.tokenizer.convert_ids_to_tokens([token_id])[0]
    except IndexError:  # what tokenizers written in Python say of a hole
        piece = None
    if piece is None:
        return f"<no token {token_id}>"
    text = _decoded(model, token_id)
    if _BYTE.fullmatch(piece):
        return piece
    if piece.startswith(_SPACE) and not text.startswith(_SPACE):
        bare = piece.lstrip(_SPACE)
        return " " * (len(piece) - len(bare)) + text.lstrip(" ")
    return _bytes_as_text(piece, text) if "\ufffd" in text else text


def _bytes_as_text(piece: str, text: str) -> str:
    """A token of a byte-level vocabulary, which writes each byte as a letter of its own; else the text as it is."""
    if not all(letter in _BYTE_OF for letter in piece):
        return text
    decoded = bytes(_BYTE_OF[letter] for letter in piece).decode("utf-8", "surrogateescape")
    return re.sub(r"[\udc80-\udcff]", lambda found: f"<0x{ord(found[0]) - 0xDC00:02X}>", decoded)
