"""Matching pursuit with coefficients that are never negative: -1 times a token's direction is not writing that token.

For one head with samples H_i, unit atoms D_j and the chosen atoms S:
    1. choose the atom with the largest Σ_i max(0, R_i·D_j)², among those that any residual points to,
    2. for each sample solve min |H_i - Σ_{j in S} c_ij D_j|² under c_ij >= 0; R is what is left.
Only inner products are needed: x_ij = H_i·D_j, from the compressed rows of `signals`, and the atoms' own. At the
minimum the residual is orthogonal to what was fitted, so the fitted energy is Σ_ij c_ij x_ij.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.pursuit.dictionaries import Dictionary
from headpursuit.pursuit.signals import Signals
from headpursuit.pursuit.somp import Pursuit

_ROOM = 2**28
"""Bytes of inner products at once."""

_SWEEPS = 500
"""Passes over the coefficients at most; a few dozen are usual."""


def pursue_nonnegative(signals: Signals, dictionary: Dictionary, n_steps: int) -> Pursuit:
    """Explain each head's samples by few atoms that are only ever added.

    It chooses by the l2 rule and explains at most what `pursue` with the same atoms does. Signs are a matter of single
    samples, so signals must come from samples; their cost grows with the number of samples. Use `pursue` where moments
    are all there is. With centred signals a coefficient says how much more than usual is written.

    Args:
        signals: The heads' signals, made from samples.
        dictionary: The atoms.
        n_steps: How many atoms to choose.

    Returns:
        Chosen atoms (-1 where none would lower the residual) and explained fraction per head and step.

    Raises:
        ValueError: If signals come from moments, there are no steps or no atoms, or sizes do not match.

    Source: Bruckstein, Elad and Zibulevsky (2008), non-negative OMP.
    Differences: 1. atoms are shared by all samples, as in SOMP, coefficients are each sample's own.
    """
    if signals.left is None:
        raise ValueError("coefficients have signs sample by sample, but only moments were given; capture with samples")
    if n_steps < 1 or len(dictionary) == 0:
        raise ValueError(f"{n_steps} steps with {len(dictionary)} atoms: a pursuit chooses at least one atom")
    if signals.rows.shape[-1] != dictionary.vectors.shape[-1]:
        raise ValueError(
            f"signals have d_model {signals.rows.shape[-1]}, the dictionary has {dictionary.vectors.shape[-1]}; "
            "they must come from one model"
        )
    atoms = dictionary.unit(slice(None), signals.rows)
    per_head = 3 * signals.left.shape[1] * len(atoms) * signals.rows.element_size()
    parts = [_solve(batch, atoms, n_steps) for batch in signals.levelled().split(max(1, _ROOM // per_head))]
    return Pursuit(torch.cat([p.atoms for p in parts]), torch.cat([p.explained for p in parts]))


def _solve(signals: Signals, atoms: Float[Tensor, "n_atoms d_model"], n_steps: int) -> Pursuit:
    assert signals.left is not None
    inner, gram = signals.left @ (signals.rows @ atoms.T), atoms @ atoms.T
    n_heads, n_samples, _ = inner.shape
    tolerance = 128 * torch.finfo(inner.dtype).eps
    energy = signals.energy.to(inner.device)
    chosen = torch.zeros(n_heads, 0, dtype=torch.int64, device=inner.device)
    fitted = inner.new_zeros(n_heads, n_samples, 0)
    going = energy > 0
    choices, explained = [], []
    for _ in range(n_steps):
        left_over = inner - fitted @ gram[chosen]
        scores = left_over.clamp_min(0).square().sum(1)
        best = scores.max(1).values
        # To chosen atoms, and to those equal to one, no residual points but for rounding.
        going = going & (best.double() > tolerance * energy)
        atom = (scores >= (best - tolerance * best.abs())[:, None]).int().argmax(1)
        choices.append(torch.where(going, atom, -1))
        chosen = torch.cat([chosen, atom[:, None]], dim=1)
        # No residual of a head that is done points to its atom, so that the coefficients stay 0.
        at = inner.gather(2, chosen[:, None].expand(-1, n_samples, -1))
        own = gram[chosen[:, :, None], chosen[:, None, :]]
        fitted = nonnegative_least_squares(own, at, torch.nn.functional.pad(fitted, (0, 1)))
        explained.append((fitted.double() * at.double()).sum((1, 2)))
        if not going.any():
            choices += [torch.full_like(atom, -1)] * (n_steps - len(choices))
            explained += [explained[-1]] * (n_steps - len(explained))
            break
    shares = torch.stack(explained, dim=1) / energy[:, None].clamp_min(torch.finfo(torch.float64).tiny)
    return Pursuit(torch.stack(choices, dim=1), shares.cummax(1).values.clamp(0.0, 1.0))


def nonnegative_least_squares(
    gram: Float[Tensor, "n_heads n_chosen n_chosen"],
    inner: Float[Tensor, "n_heads n_samples n_chosen"],
    start: Float[Tensor, "n_heads n_samples n_chosen"],
) -> Float[Tensor, "n_heads n_samples n_chosen"]:
    """Coefficients c >= 0 that minimise c·(gram c) - 2 c·inner, each sample by itself.

    Coordinate by coordinate, which never raises the error and ends at the minimum; where atoms are dependent there are
    several minima of one error.

    Args:
        gram: Inner products of the chosen atoms, which have length 1, or 0 for rows that are never used.
        inner: Inner products of samples and atoms.
        start: Coefficients to begin with, not negative.
    """
    found = start.clone()
    lengths = gram.diagonal(dim1=1, dim2=2).clamp_min(torch.finfo(gram.dtype).tiny)
    # What is explained errs by the square of what the coefficients do.
    enough = torch.finfo(gram.dtype).eps ** 0.75 * inner.abs().amax((1, 2))
    for _ in range(_SWEEPS):
        moved = found.new_zeros(len(found))
        for j in range(inner.shape[-1]):
            slope = inner[:, :, j] - (found * gram[:, None, j]).sum(-1)
            new = (found[:, :, j] + slope / lengths[:, None, j]).clamp_min(0)
            moved = torch.maximum(moved, (new - found[:, :, j]).abs().amax(1))
            found[:, :, j] = new
        if (moved <= enough).all():
            break
    return found
