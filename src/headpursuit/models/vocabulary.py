"""Between words and token ids, and the directions tokens have in the residual stream."""

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headpursuit.concepts import Concept
from headpursuit.models.anatomy import AnatomyError, probe_input, run_probe, same_values
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.norms import norm_gain
from headpursuit.models.sharding import whole_tensor
from headpursuit.models.weights import weights_at_hand

MultiToken = Literal["drop", "first"]
"""What becomes of a spelling that takes several tokens: it is dropped, or its first token stands for it."""


def token_text(model: LanguageModel, token_id: int) -> str:
    """A token as text, with its leading space if it has one."""
    return str(model.tokenizer.decode([token_id]))


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
    """Why it contributes no token; empty if it does."""


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
        raise ValueError(
            f"concept {concept.name!r} has no token in this vocabulary: each of its {len(concept.words)} words takes "
            "several tokens; use other words, or the multi-token policy 'first'"
        )
    return found


def spell(model: LanguageModel, concept: Concept, multi_token: MultiToken = "drop") -> ConceptTokens:
    """`tokens_of`, also for a concept that no token stands for."""
    if multi_token not in get_args(MultiToken):
        raise ValueError(f"unknown multi-token policy {multi_token!r}; choose {' or '.join(get_args(MultiToken))}")
    spellings = tuple(s for word in concept.words for s in _spell_all(model, word, multi_token))
    return ConceptTokens(concept, spellings, tuple(sorted({s.token_ids[0] for s in spellings if not s.dropped})))


def first_tokens(model: LanguageModel, words: Sequence[str], *, spaced: bool) -> tuple[int, ...]:
    """The tokens that words begin with, each once.

    Args:
        model: The model whose tokenizer counts.
        words: Such as the accepted answers to a question.
        spaced: Whether a space comes before them, as where an answer follows a text.
    """
    found = [_spell(model, word, f" {word}" if spaced else word, "first") for word in words]
    return tuple(dict.fromkeys(spelling.token_ids[0] for spelling in found if not spelling.dropped))


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


def _spell_all(model: LanguageModel, word: str, multi_token: MultiToken) -> list[Spelling]:
    return [_spell(model, word, text, multi_token) for text in _spellings_of(word)]


def _spellings_of(word: str) -> list[str]:
    forms = dict.fromkeys([word, word.lower(), word[:1].upper() + word[1:], word.upper()])
    return [space + form for form in forms for space in (" ", "")]


def _spell(model: LanguageModel, word: str, text: str, multi_token: MultiToken) -> Spelling:
    ids = tuple(model.tokenizer.encode(text, add_special_tokens=False))
    pieces = tuple(token_text(model, i) for i in ids)
    if len(ids) > 1 and not pieces[0].strip():  # a lone space piece before the word says nothing about it
        ids, pieces = ids[1:], pieces[1:]
    return Spelling(word, text, ids, pieces, _reason_to_drop(model, ids, pieces, multi_token))


def _reason_to_drop(
    model: LanguageModel, ids: tuple[int, ...], pieces: tuple[str, ...], multi_token: MultiToken
) -> str:
    if not ids:
        return "the tokenizer makes nothing of it"
    if ids[0] in model.tokenizer.all_special_ids:
        return "unknown to the tokenizer"
    if len(ids) > 1 and multi_token == "drop":
        return f"takes {len(ids)} tokens: {'|'.join(pieces)}"
    if ids[0] >= n_tokens(model):
        return "has no row in the unembedding"
    return ""


@dataclass(frozen=True)
class Unembedding:
    """The directions that tokens have in the residual stream."""

    vectors: Float[Tensor, "vocab d_model"]
    """Rows of the unembedding matrix, without padding rows beyond the tokenizer's vocabulary."""
    sha256: str
    """Hash of those rows: captures and edits belong to one unembedding."""


def n_tokens(model: LanguageModel) -> int:
    """Rows of the unembedding that stand for a token; checkpoints often pad beyond the tokenizer's vocabulary."""
    return min(len(model.tokenizer), output_embedding(model).weight.shape[0])


def output_embedding(model: LanguageModel) -> nn.Linear:
    """The module that turns the final hidden state into logits.

    Raises:
        AnatomyError: If the model has none, or not a single matrix.
    """
    module = model.network.get_output_embeddings()
    if getattr(module, "weight", None) is None or module.weight.dim() != 2:
        raise AnatomyError(f"{type(model.network).__name__} has no single unembedding matrix to read tokens from")
    return module


@torch.no_grad()
def unembedding(model: LanguageModel, *, gain: bool = False) -> Unembedding:
    """Read the unembedding.

    Args:
        model: The model.
        gain: Multiply by the final norm's gain, so that directions are those before the norm.
    """
    module = output_embedding(model)
    with weights_at_hand(module):
        vectors = whole_tensor(module.weight).detach()[: n_tokens(model)]
    digest = sha256_of_values(vectors)
    if gain:
        vectors = vectors.float() * final_gain(model).to(vectors.device)
    return Unembedding(vectors, digest)


def sha256_of_values(values: Tensor) -> str:
    """Hash of the bytes of a tensor's values, in its dtype."""
    return hashlib.sha256(values.contiguous().cpu().view(torch.uint8).numpy().data).hexdigest()


@torch.no_grad()
def final_gain(model: LanguageModel) -> Float[Tensor, " d_model"]:
    """The gain of the norm before the unembedding, measured instead of read: families store w or 1 + w.

    Raises:
        AnatomyError: If no norm module produces the unembedding's input.
    """
    try:
        norm = final_norm(model)
    except AnatomyError as error:
        raise AnatomyError(f"{error}, so the norm's gain cannot be applied; leave the gain out") from error
    return norm_gain(norm, output_embedding(model).weight.shape[1]).gain


def final_norm(model: LanguageModel) -> nn.Module:
    """The norm between the residual stream and the unembedding.

    Raises:
        AnatomyError: If there is none, or its output is not what the unembedding reads.
    """
    found = model.anatomy.final_norm
    if found is None:
        raise AnatomyError("no norm reads the residual stream")
    norm, outputs, entered = model.network.get_submodule(found[0]), [], []
    with ExitStack() as stack:
        stack.callback(norm.register_forward_hook(lambda _, __, output: outputs.append(output)).remove)
        head = output_embedding(model)
        stack.callback(head.register_forward_pre_hook(lambda _, args: entered.append(args[0])).remove)
        run_probe(model.network, probe_input(model.network))
    if not entered or not same_values(outputs[found[1]], entered[-1]):
        raise AnatomyError(f"the unembedding does not read the output of the final norm ({found[0]}) itself")
    return norm
