"""Probes: can something be read off what a head carries, on facts that the probe was not fitted to?

Kernel ridge regression from the heads' mixed values to targets, in its dual form: with the kernel K of the fitted
samples, predictions are k (K + λ n I)⁻¹ (Y - mean) + mean. With the linear kernel this is ridge regression.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

Kernel = Literal["linear", "rbf"]

RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
"""Strengths λ of the ridge that are tried, for signals of unit mean energy."""


def cross_validated(
    mixed: Float[Tensor, "n_samples n_heads d_head"],
    targets: Float[Tensor, "n_sets n_samples n_targets"],
    folds: Int[Tensor, " n_samples"],
    kernel: Kernel,
) -> Float[Tensor, "n_sets n_heads"]:
    """The fraction of the targets' variance that a probe predicts on samples of the fold that it was not fitted to.

    Args:
        mixed: Mixed values; each head is probed by itself.
        targets: One or more sets of targets, such as the right ones and shuffled ones.
        folds: The fold of each sample; samples of one fact belong into one fold.
        kernel: `linear`, or `rbf`: exp(-|z - z'|² / median of it).

    Returns:
        R² = 1 - Σ|y - prediction|² / Σ|y - mean of the fitted|², over all folds, with the best of `RIDGES` for each set
        and head; at most 1, and below 0 for probes worse than the mean. The choice of λ flatters every set alike.
    """
    values = mixed.double().transpose(0, 1)
    wanted = targets.double().permute(1, 0, 2)  # samples first
    wrong = values.new_zeros(len(RIDGES), targets.shape[0], len(values))
    spread = values.new_zeros(targets.shape[0], 1)
    for fold in folds.unique().tolist():
        inside, outside = folds != fold, folds == fold
        mean = wanted[inside].mean(0)
        fitted, asked = (wanted[inside] - mean).flatten(1), wanted[outside] - mean
        spread += asked.square().sum((0, 2))[:, None]
        for head, z in enumerate(values):
            kept, across = _kernels(z, inside, outside, kernel)
            energies, vectors = torch.linalg.eigh(kept)
            turned, seen = vectors.T @ fitted, across @ vectors
            for i, ridge in enumerate(RIDGES):
                shrunk = turned / (energies.clamp_min(0) + ridge * len(kept))[:, None]
                error = asked - (seen @ shrunk).view_as(asked)
                wrong[i, :, head] += error.square().sum((0, 2))
    return (1 - wrong / spread.clamp_min(torch.finfo(torch.float64).tiny)).amax(0)


def _kernels(
    z: Float[Tensor, "n_samples d_head"], inside: Tensor, outside: Tensor, kernel: Kernel
) -> tuple[Float[Tensor, "n_in n_in"], Float[Tensor, "n_out n_in"]]:
    """The kernel among fitted samples, and between the others and them; nothing is learnt from the others."""
    z = z - z[inside].mean(0)
    energy = z[inside].square().sum(1).mean()
    if energy <= 1e-24:  # a head that writes nothing, or always the same
        return z.new_zeros(int(inside.sum()), int(inside.sum())), z.new_zeros(int(outside.sum()), int(inside.sum()))
    z = z / energy.sqrt()
    if kernel == "linear":
        return z[inside] @ z[inside].T, z[outside] @ z[inside].T
    within, across = (torch.cdist(part, z[inside]).square() for part in (z[inside], z[outside]))
    width = within[~torch.eye(len(within), dtype=torch.bool)].median().clamp_min(1e-12)
    return (-within / width).exp(), (-across / width).exp()
