"""Write weights and bias, read off the output projections."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headpursuit.models.anatomy.sites import AnatomyError, HeadSite, projection
from headpursuit.models.norms import linearised
from headpursuit.models.offloading import weights_at_hand
from headpursuit.models.sharding import whole_tensor, whole_width


@torch.no_grad()
def bias_of(module: nn.Module) -> Tensor | None:
    """The projection's bias, which belongs to no head."""
    with weights_at_hand(module):
        bias = getattr(module, "bias", None)
        return whole_tensor(bias).clone() if isinstance(bias, Tensor) else None


@torch.no_grad()
def projection_weights(network: nn.Module, site: HeadSite) -> Float[Tensor, "n_heads d_head d_model"]:
    """The rows of the projection that belong to each head, float32: the heads' z @ W and the bias add up to its output.

    Read off the weight where it is a plain matrix, else (quantised weights, adapters, grouped heads) by sending unit
    vectors through.
    """
    module = projection(network, site)
    with weights_at_hand(module):
        matrix = _grouped(network, module, site) if site.through else _matrix(module, site.width).float()
    if matrix.shape[0] != site.width:
        raise AnatomyError(
            f"{site.path} takes {matrix.shape[0]} inputs, but {site.n_heads} heads of width {site.d_head} give "
            f"{site.width}"
        )
    return matrix.detach().reshape(site.n_heads, site.d_head, -1)


@torch.no_grad()
def write_weights(network: nn.Module, site: HeadSite) -> Float[Tensor, "n_heads d_head d_model"]:
    """W of every head of a site, float32: a head writes z @ W into the residual stream.

    With the factor or the gain of the norm through which the projection's output reaches the stream (flags `multiplier`
    and `post_norm`; for the latter z is divided by the norm's scale when it is captured).
    """
    weights = projection_weights(network, site)
    if site.norm:
        weights = linearised(network.get_submodule(site.norm), weights)
    return weights * site.multiplier


def _matrix(module: Any, width: int) -> Float[Tensor, "width d_model"]:
    weight = getattr(module, "weight", None)
    if type(module).__name__ == "Conv1D":
        return whole_tensor(module.weight)  # (in, out)
    if type(module) is nn.Linear and weight is not None and weight.is_floating_point():
        return whole_width(whole_tensor(weight), width).T
    return _by_units(module, (width,))


def _grouped(network: nn.Module, module: Any, site: HeadSite) -> Float[Tensor, "width d_model"]:
    """Heads enter in groups, and a second module joins what comes out."""
    second = network.get_submodule(site.through)
    n_groups = site.width // module.in_features
    parts = _by_units(module, (n_groups, module.in_features)).flatten(1)
    with weights_at_hand(second):
        return parts.float() @ _matrix(second, parts.shape[-1]).float()


def _by_units(module: Any, shape: tuple[int, ...]) -> Tensor:
    """A linear module's output for unit vectors, without its bias."""
    like = next(module.parameters(), torch.empty(0))
    dtype = like.dtype if like.is_floating_point() else torch.float32
    units = torch.eye(math.prod(shape), device=like.device, dtype=dtype).unflatten(-1, shape)
    return module(units) - module(torch.zeros_like(units[:1]))
