"""Rows of a dictionary that lie near some of its rows."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

_BLOCK = 4096


def mean_row(vectors: Float[Tensor, "n_atoms d_model"]) -> Float[Tensor, " d_model"]:
    """The mean of all rows, float32 or better."""
    exact = torch.promote_types(vectors.dtype, torch.float32)
    return torch.stack([block.to(exact).sum(0) for block in vectors.split(_BLOCK)]).sum(0) / len(vectors)


def closeness(
    vectors: Float[Tensor, "n_atoms d_model"], mean: Float[Tensor, " d_model"], chosen: Int[Tensor, " n_chosen"]
) -> Float[Tensor, " n_atoms"]:
    """Cosine of every row with the mean direction of the chosen rows, after `mean` is taken off all of them.

    Rows of an unembedding share a large common part, which would make all of them near to each other.
    """
    direction = _units(vectors[chosen.to(vectors.device)], mean).mean(0)
    direction = direction / direction.norm().clamp_min(torch.finfo(direction.dtype).tiny)
    return torch.cat([_units(block, mean) @ direction for block in vectors.split(_BLOCK)])


def nearest(
    vectors: Float[Tensor, "n_atoms d_model"],
    mean: Float[Tensor, " d_model"],
    chosen: Int[Tensor, " n_chosen"],
    rows: Int[Tensor, " n_rows"],
) -> Int[Tensor, " n_rows"]:
    """Of the chosen rows, the one with the largest cosine to each of some rows, measured as in `closeness`."""
    ours, theirs = (_units(vectors[which.to(vectors.device)], mean) for which in (rows, chosen))
    return chosen[(ours @ theirs.T).argmax(1).to(chosen.device)]


def _units(
    vectors: Float[Tensor, "n_rows d_model"], mean: Float[Tensor, " d_model"]
) -> Float[Tensor, "n_rows d_model"]:
    spread = vectors.to(mean) - mean
    return spread / spread.norm(dim=1, keepdim=True).clamp_min(torch.finfo(spread.dtype).tiny)
