"""The directions that signals are explained with."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from headpursuit.pursuit.lengths import near_one, squares_vanish

_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Atoms: directions read at unit length, a few at a time, so that a whole unembedding is never copied."""

    vectors: Float[Tensor, "n_atoms d_model"]
    """As given, in any floating dtype; rows of extreme length times a power of two, which changes no direction."""
    factors: Float[Tensor, " n_atoms"]
    """Factors that make rows unit long; 0 for zero rows and repetitions of an earlier row, which are never chosen."""

    @classmethod
    def of(cls, vectors: Float[Tensor, "n_atoms d_model"]) -> "Dictionary":
        """A dictionary of rows (of an unembedding, say).

        Raises:
            ValueError: If a row is infinite or undefined.
        """
        exact = torch.promote_types(vectors.dtype, torch.float32)
        lengths = [block.to(exact).norm(dim=1) for block in vectors.split(4096)]
        norms = torch.cat(lengths) if lengths else vectors.new_empty(0, dtype=exact)
        extreme = squares_vanish(norms).nonzero()[:, 0]
        extreme = extreme[vectors[extreme].any(1)]
        if len(extreme) > 0:
            undefined = extreme[~vectors[extreme].isfinite().all(1)]
            if len(undefined) > 0:
                raise ValueError(
                    f"row {int(undefined[0])} of the dictionary is infinite or undefined; try dtype float32"
                )
            scaled = near_one(vectors[extreme])
            norms[extreme] = scaled.norm(dim=1).to(norms)
            vectors = vectors.index_copy(0, extreme, scaled.to(vectors))
        factors = torch.where(norms > 0, 1 / norms, 0.0)
        factors[_repetitions(vectors)] = 0
        return cls(vectors, factors)

    def __len__(self) -> int:
        return self.vectors.shape[0]

    def unit(self, which: slice | Int[Tensor, " n_some"], like: Tensor) -> Float[Tensor, "n_some d_model"]:
        """Some atoms at unit length, with the device and dtype of another tensor."""
        if isinstance(which, Tensor):
            which = which.to(self.vectors.device)
        return self.vectors[which].to(like) * self.factors[which].to(like)[:, None]

    def tiles(self, width: int) -> Iterator[slice]:
        """The atoms in runs of at most `width`."""
        for start in range(0, len(self), width):
            yield slice(start, min(start + width, len(self)))


@dataclass(frozen=True, eq=False)
class Stack:
    """Several dictionaries of one size that are pursued together; what they need is worked out once."""

    dictionaries: tuple[Dictionary, ...]
    """Small ones."""
    like: Tensor
    """A tensor of the device and dtype to work in."""

    @cached_property
    def units(self) -> Float[Tensor, "n_dictionaries n_atoms d_model"]:
        """All atoms at unit length."""
        return torch.stack([dictionary.unit(slice(None), self.like) for dictionary in self.dictionaries])

    @cached_property
    def gram(self) -> Float[Tensor, "n_dictionaries n_atoms n_atoms"]:
        """Inner products of each dictionary's atoms."""
        return self.units @ self.units.mT

    @cached_property
    def never(self) -> Bool[Tensor, "n_dictionaries n_atoms"]:
        """Atoms that are never chosen."""
        return torch.stack([dictionary.factors == 0 for dictionary in self.dictionaries]).to(self.like.device)


def _repetitions(vectors: Float[Tensor, "n_atoms d_model"]) -> Int[Tensor, " n_repetitions"]:
    """Rows that equal an earlier row bit by bit, found by an integer hash and then compared."""
    if len(vectors) < 2:
        return torch.empty(0, dtype=torch.int64, device=vectors.device)
    generator = torch.Generator().manual_seed(0)
    weights = torch.randint(-(2**62), 2**62, vectors.shape[1:], generator=generator).to(vectors.device)
    bits = vectors.contiguous().view(_BITS[vectors.element_size()])
    hashes = torch.cat([(block.long() * weights).sum(1) for block in bits.split(4096)])
    found, order = hashes.sort(stable=True)
    pairs = (found[1:] == found[:-1]).nonzero()[:, 0]
    later, earlier = order[pairs + 1], order[pairs]
    return later[(bits[later] == bits[earlier]).all(1)]
