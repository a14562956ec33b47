"""Signals: what heads write, compressed exactly to d_head rows.

A head with mixed values Z (n_samples, d_head) and write weights W (d_head, d_model) writes H = Z W. Under a
squared-error pursuit H matters only through HᵀH = Wᵀ(ZᵀZ)W, so with ZᵀZ = L Lᵀ the d_head rows A = LᵀW stand for all
n_samples rows of H. Second moments add up: over batches, processes and machines.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.pursuit.lengths import near_one, squares_vanish

_CONSTANT = 2
"""Units in the last place by which what a head always writes may vary, in quadratic mean, and still be rounding."""


@dataclass(frozen=True, eq=False)
class Moments:
    """First and second moments of the mixed values of one layer's heads."""

    second: Float[Tensor, "n_heads d_head d_head"]
    """Sum over samples of z zᵀ, float64."""
    total: Float[Tensor, "n_heads d_head"]
    """Sum over samples of z, float64."""
    count: int
    """Number of samples (captured token positions)."""

    @classmethod
    def of(cls, mixed: Float[Tensor, "n_samples n_heads d_head"]) -> "Moments":
        """The moments of a batch.

        What the batch has in common is set apart before the product in float32 and put back in float64, so that
        centring later does not subtract two nearly equal float32 numbers.
        """
        values = mixed.to(torch.promote_types(mixed.dtype, torch.float32)).transpose(0, 1)
        n_samples = mixed.shape[0]
        common = values.sum(1, keepdim=True) / max(1, n_samples)
        spread = values - common
        centre, left_over = common.double(), spread.sum(1, keepdim=True, dtype=torch.float64)
        mixed_term = left_over.mT @ centre
        second = (spread.mT @ spread).double() + mixed_term + mixed_term.mT + n_samples * centre.mT @ centre
        return cls(second, (n_samples * centre + left_over)[:, 0], n_samples)

    def __add__(self, other: "Moments") -> "Moments":
        second, total = self.second.to(other.second.device), self.total.to(other.total.device)
        return Moments(second + other.second, total + other.total, self.count + other.count)

    def covariance(self) -> Float[Tensor, "n_heads d_head d_head"]:
        """Sum over samples of (z - mean)(z - mean)ᵀ: the second moments after centring."""
        return self.second - self.total[:, :, None] * self.total[:, None, :] / self.count

    @property
    def varying(self) -> Float[Tensor, " n_heads"]:
        """The share of each head's energy that centring leaves, 0 to 1 but for rounding; 0 for heads without any."""
        whole = self.second.diagonal(dim1=1, dim2=2).sum(1)
        left = whole - self.total.square().sum(1) / max(1, self.count)
        return torch.where(whole > 0, left / whole, 0.0)


@dataclass(frozen=True, eq=False)
class Signals:
    """The signals H = left @ rows of a batch of heads, as a pursuit reads them."""

    rows: Float[Tensor, "n_heads d_head d_model"]
    """A = LᵀW: as many rows as the head has dimensions, with AᵀA = HᵀH."""
    left: Float[Tensor, "n_heads n_samples d_head"] | None = None
    """Orthonormal columns with H = left @ rows; only known from samples, only needed by the l1 rule."""

    @classmethod
    def from_moments(
        cls, moments: Moments, write: Float[Tensor, "n_heads d_head d_model"], *, centre: bool = True
    ) -> "Signals":
        """Signals of one layer from its moments.

        Args:
            moments: The layer's moments.
            write: The matching rows of the output projection, one matrix per head.
            centre: Subtract the mean over samples first: what a head writes always says nothing about
                what it writes when. What is left of a mean that is a million times the spread has four digits.

        Raises:
            ValueError: If moments are infinite or undefined.
        """
        _check_finite("moments", moments.second, moments.total)
        matrix = moments.second
        if centre:
            # A head that writes the same always leaves rounding behind when it is centred: nothing, not a signal.
            constant = moments.varying <= _rounding(torch.float32)
            matrix = torch.where(constant[:, None, None], 0.0, moments.covariance())
        return cls(_factor(matrix).to(write) @ write)

    @classmethod
    def from_samples(
        cls,
        mixed: Float[Tensor, "n_samples n_heads d_head"],
        write: Float[Tensor, "n_heads d_head d_model"],
        *,
        centre: bool = True,
    ) -> "Signals":
        """Signals of one layer from its samples, which every rule can read.

        Raises:
            ValueError: If samples are infinite or undefined.
        """
        values = mixed.double().transpose(0, 1)
        _check_finite("samples", values)
        if centre:
            spread = values - values.mean(1, keepdim=True)
            constant = spread.square().sum((1, 2)) <= _rounding(mixed.dtype) * values.square().sum((1, 2))
            values = torch.where(constant[:, None, None], 0.0, spread)
        left, singular, right = torch.linalg.svd(values, full_matrices=False)
        return cls((singular[:, :, None] * right).to(write) @ write, left.to(write))

    @classmethod
    def concatenate(cls, parts: list["Signals"]) -> "Signals":
        """The heads of several layers as one batch; the layers must share d_head and samples."""
        device = parts[0].rows.device
        lefts = [part.left.to(device) for part in parts if part.left is not None]
        left = torch.cat(lefts) if len(lefts) == len(parts) else None
        return cls(torch.cat([part.rows.to(device) for part in parts]), left)

    def split(self, n_heads: int) -> list["Signals"]:
        """Batches of at most `n_heads` heads, about equally large."""
        if n_heads >= len(self.rows):
            return [self]
        n_batches = -(-len(self.rows) // n_heads)
        n_heads = -(-len(self.rows) // n_batches)
        lefts = [None] * len(self.rows) if self.left is None else self.left.split(n_heads)
        return [Signals(rows, left) for rows, left in zip(self.rows.split(n_heads), lefts, strict=False)]

    def to(self, device: torch.device) -> "Signals":
        """The same on a device."""
        return Signals(self.rows.to(device), None if self.left is None else self.left.to(device))

    def levelled(self) -> "Signals":
        """The same, but heads that write extremely little or much times a power of two, which explains them alike.

        Raises:
            ValueError: If a head's signals are infinite or undefined.
        """
        extreme = squares_vanish(self.energy).nonzero()[:, 0]
        extreme = extreme[self.rows[extreme].flatten(1).any(1)]
        if len(extreme) == 0:
            return self
        _check_finite("signals", self.rows)
        return Signals(self.rows.index_copy(0, extreme, near_one(self.rows[extreme]).to(self.rows)), self.left)

    @cached_property
    def energy(self) -> Float[Tensor, " n_heads"]:
        """Squared Frobenius norm of each head's H, float64."""
        return torch.linalg.vector_norm(self.rows, dim=2).double().square().sum(1)


def _rounding(dtype: torch.dtype) -> float:
    """The share of a head's energy up to which what centring leaves is rounding, in values of a dtype."""
    return (_CONSTANT * torch.finfo(torch.promote_types(dtype, torch.float32)).eps) ** 2


def _check_finite(what: str, *of_heads: Float[Tensor, "n_heads ..."]) -> None:
    for values in of_heads:
        undefined = ~values.isfinite().flatten(1).all(1)
        if undefined.any():
            raise ValueError(f"the {what} of head {int(undefined.nonzero()[0])} are infinite or undefined")


def _factor(matrix: Float[Tensor, "n_heads d_head d_head"]) -> Float[Tensor, "n_heads d_head d_head"]:
    """Lᵀ with L Lᵀ = matrix: Cholesky's where it exists, else (fewer samples than dimensions) from eigenvectors."""
    lower, failed = torch.linalg.cholesky_ex(matrix)
    singular = failed.nonzero()[:, 0]
    values, vectors = torch.linalg.eigh(matrix[singular])
    lower[singular] = vectors * values.clamp_min(0).sqrt()[:, None, :]
    return lower.mT
