"""Two GGUF files of the same tensors, compared by reading both."""

import numpy as np
from gguf import GGMLQuantizationType as Kind
from numpy.typing import NDArray

from headpursuit.models.checkpoints.gguf_file import GgufFile, StoredTensor
from headpursuit.models.export.gguf.blocks import Factors, values_of

_LARGEST_ERROR = {Kind.BF16: 8e-3}
"""Difference from the expected values that rounding explains, relative to the largest; 1e-3 for other kinds."""


def check_columns(before: GgufFile, after: GgufFile, columns: dict[str, Factors]) -> None:
    """Refuse a file that is not another one with these columns multiplied: all tensors of both are read.

    Raises:
        ValueError: Naming the first tensor that is not as it should be.
    """
    if list(before.tensors) != list(after.tensors):
        raise ValueError(f"{after.path} has other tensors than {before.path}")
    for name, old in before.tensors.items():
        new = after.tensors[name]
        if name not in columns:
            same = old.kind == new.kind and old.sizes == new.sizes and _same_bytes(before, old, after, new)
        else:
            same = old.sizes == new.sizes and _error(before, old, after, new, columns[name]) <= _allowed(new.kind)
        if not same:
            wanted = "with the heads' columns multiplied" if name in columns else "byte by byte"
            raise ValueError(f"{name} is not that of {before.path} {wanted}, so nothing is proven of {after.path}")


class Worst:
    """The largest difference between values and what was expected, relative to the largest expected."""

    def __init__(self) -> None:
        self._difference = self._largest = 0.0

    def add(self, found: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
        """Take in some of the values."""
        self._difference = max(self._difference, float(np.abs(found - expected).max()))
        self._largest = max(self._largest, float(np.abs(expected).max()))

    @property
    def error(self) -> float:
        """The difference so far; 0 where all are equal."""
        return self._difference / self._largest if self._difference else 0.0


def _allowed(kind: Kind) -> float:
    return _LARGEST_ERROR.get(kind, 1e-3)


def _error(before: GgufFile, old: StoredTensor, after: GgufFile, new: StoredTensor, factors: Factors) -> float:
    worst = Worst()
    for rows, made in zip(before.rows(old), after.rows(new), strict=True):
        worst.add(values_of(new, made), values_of(old, rows) * factors.astype(np.float32))
    return worst.error


def _same_bytes(before: GgufFile, old: StoredTensor, after: GgufFile, new: StoredTensor) -> bool:
    pairs = zip(before.pieces(old.offset, old.n_bytes), after.pieces(new.offset, new.n_bytes), strict=True)
    return all(one == other for one, other in pairs)
