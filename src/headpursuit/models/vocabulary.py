"""The directions tokens have in the residual stream."""

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headpursuit.models.anatomy import AnatomyError, run_probe, same_values
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.norms import norm_gain
from headpursuit.models.offloading import weights_at_hand
from headpursuit.models.sharding import whole_tensor
from headpursuit.models.tokens import token_ids, token_text


@dataclass(frozen=True, eq=False)
class Unembedding:
    """The directions that tokens have in the residual stream."""

    vectors: Float[Tensor, "vocab d_model"]
    """Rows of the unembedding matrix, without padding rows beyond the largest id that has a token; a row whose id no
    token has is zero, and so never chosen by a pursuit."""
    sha256: str
    """Hash of those rows as they stand: captures and edits belong to one unembedding."""


def n_tokens(model: LanguageModel) -> int:
    """Rows of the unembedding up to the largest id that has a token; checkpoints often pad beyond."""
    return min(token_ids(model)[-1] + 1, output_embedding(model).weight.shape[0])


def ids_without_token(model: LanguageModel) -> tuple[int, ...]:
    """The holes of the vocabulary: ids below `n_tokens` that no token has."""
    return tuple(sorted(set(range(n_tokens(model))) - set(token_ids(model))))


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

    Raises:
        AnatomyError: If there is no single unembedding matrix, or no gain that could be applied.
        ValueError: If the row of a token is infinite or undefined.
    """
    vectors = unembedding_rows(model)
    digest = sha256_of_values(vectors)
    if holes := ids_without_token(model):
        vectors = vectors.clone()
        vectors[list(holes)] = 0
    _check_finite(model, vectors)
    if gain:
        vectors = vectors.float() * final_gain(model).to(vectors.device)
    return Unembedding(vectors, digest)


def unembedding_rows(model: LanguageModel) -> Float[Tensor, "vocab d_model"]:
    """The rows of the unembedding as they stand, up to the largest id that has a token."""
    module = output_embedding(model)
    with weights_at_hand(module):
        return whole_tensor(module.weight).detach()[: n_tokens(model)]


def _check_finite(model: LanguageModel, vectors: Float[Tensor, "vocab d_model"]) -> None:
    least, most = vectors.aminmax(dim=1)
    bad = (~(least.isfinite() & most.isfinite())).nonzero()[:, 0].tolist()
    if bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise ValueError(
            f"row {bad[0]} of the unembedding (token {token_text(model, bad[0])!r}){more} is infinite or undefined; "
            "is the checkpoint whole? if it is, load it in float32"
        )


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
        run_probe(model.network, model.probe)
    if not entered or not same_values(outputs[found[1]], entered[-1]):
        raise AnatomyError(f"the unembedding does not read the output of the final norm ({found[0]}) itself")
    return norm


@torch.no_grad()
def readout(model: LanguageModel, token_ids: Sequence[int]) -> Float[Tensor, "n_tokens d_model"]:
    """Directions r of the residual stream x with logit = r·x / s + constant, through the final norm.

    With the norm's gain g and its scale s at a position, an RMSNorm gives r = g ∘ u of the token's row u of the
    unembedding; a LayerNorm, which subtracts the mean first, gives r = g ∘ u - mean(g ∘ u). The scale belongs to the
    position, not to the token, and is left out.

    Raises:
        AnatomyError: If what heads write does not reach the final norm as a summand, or no norm module feeds the
            unembedding.
    """
    if any("post_ln" in site.flags for site in model.anatomy.sites):
        raise AnatomyError("what heads write does not reach a final norm as a summand of the stream (flag post_ln)")
    rows = unembedding(model).vectors[list(token_ids)].float()
    norm = norm_gain(final_norm(model), rows.shape[-1])
    directions = rows * norm.gain.to(rows.device)
    return directions - directions.mean(-1, keepdim=True) if norm.centres else directions
