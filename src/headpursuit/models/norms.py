"""Norm modules measured instead of read: families store gains as w, as 1 + w, or not at all."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headpursuit.models.offloading import weights_at_hand


@dataclass(frozen=True, eq=False)
class NormGain:
    """A norm as `gain * (x - mean if it centres) / scale(x) + bias`."""

    gain: Float[Tensor, " d_model"]
    bias: Float[Tensor, " d_model"]
    centres: bool
    """True if it subtracts the mean first (LayerNorm), false if not (RMSNorm)."""


@torch.no_grad()
def norm_gain(norm: nn.Module, d_model: int) -> NormGain:
    """Measure a norm.

    A balanced vector x of ±1 has mean 0 and variance 1, so any norm returns gain * x + bias. A constant vector has
    nothing left once its mean is gone.
    """
    with weights_at_hand(norm):
        like = next(norm.parameters(), torch.empty(0))
        x = torch.ones(1, 1, d_model, dtype=like.dtype, device=like.device)
        ones = x.clone()
        x[..., ::2] = -1
        # Not as a call, which would wake whatever hooks wait for the model's own values.
        plus, minus, constant = (norm.forward(v).float().flatten() for v in (x, -x, ones))
    gain, bias = (plus - minus) / 2 * x.float().flatten(), (plus + minus) / 2
    return NormGain(gain, bias, bool((constant - bias).abs().max() < 0.1 * gain.abs().max()))


@torch.no_grad()
def linearised(norm: nn.Module, weights: Float[Tensor, "*n d_model"]) -> Float[Tensor, "*n d_model"]:
    """Directions behind a norm whose scale is held fixed and divided out."""
    measured = norm_gain(norm, weights.shape[-1])
    if measured.centres:
        weights = weights - weights.mean(-1, keepdim=True)
    return weights * measured.gain


@torch.no_grad()
def inverse_scale(
    norm: nn.Module, entered: Float[Tensor, "n d_model"], left: Float[Tensor, "n d_model"]
) -> Float[Tensor, " n"]:
    """1 / scale of a norm at each sample, from what entered and what left it."""
    measured = norm_gain(norm, entered.shape[-1])
    shifted = entered.float()
    if measured.centres:
        shifted = shifted - shifted.mean(-1, keepdim=True)
    unscaled = shifted * measured.gain
    return ((left.float() - measured.bias) * unscaled).sum(-1) / unscaled.square().sum(-1).clamp_min(1e-30)
