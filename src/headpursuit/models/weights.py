"""What is read off the output projections: write weights and bias."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate.utils import align_module_device
from jaxtyping import Float
from torch import Tensor, nn

from headpursuit.models.anatomy import AnatomyError, HeadSite, projection
from headpursuit.models.sharding import whole_tensor, whole_width


@contextmanager
def weights_at_hand(module: nn.Module) -> Iterator[None]:
    """Bring offloaded weights back while the block runs; they are placeholders without values otherwise."""
    with align_module_device(module):
        yield


@torch.no_grad()
def bias_of(module: nn.Module) -> Tensor | None:
    """The projection's bias, which belongs to no head."""
    with weights_at_hand(module):
        bias = getattr(module, "bias", None)
        return whole_tensor(bias).clone() if isinstance(bias, Tensor) else None


@torch.no_grad()
def write_weights(network: nn.Module, site: HeadSite) -> Float[Tensor, "n_heads d_head d_model"]:
    """W of every head of a site, float32: a head writes z @ W into the residual stream.

    Read off the weight where it is a plain matrix, else (quantised weights, adapters) by sending unit vectors through.
    """
    module, width = projection(network, site), site.n_heads * site.d_head
    with weights_at_hand(module):
        matrix = _matrix(module, width).float()
    if matrix.shape[0] != width:
        raise AnatomyError(
            f"{site.path} takes {matrix.shape[0]} inputs, but {site.n_heads} heads of width {site.d_head} give {width}"
        )
    return matrix.detach().reshape(site.n_heads, site.d_head, -1)


def _matrix(module: Any, width: int) -> Float[Tensor, "width d_model"]:
    weight = getattr(module, "weight", None)
    if type(module).__name__ == "Conv1D":
        return whole_tensor(module.weight)  # (in, out)
    if isinstance(module, nn.Linear) and weight is not None and weight.is_floating_point():
        return whole_width(whole_tensor(weight), width).T
    like = next(module.parameters(), torch.empty(0))
    dtype = like.dtype if like.is_floating_point() else torch.float32
    units = torch.eye(width, device=like.device, dtype=dtype)
    return module(units) - module(torch.zeros_like(units[:1]))
