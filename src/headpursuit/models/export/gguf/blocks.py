"""Columns of a quantised matrix rescaled inside its blocks, exactly where the format can hold that.

A row is a sequence of blocks of 32 or 256 values along the input, each with one or two float16 scales; the blocks of
256 also have a whole number for every 16 or 32 values. Columns of one head fill some blocks and parts of others:

1. One factor for the whole block: its float16 scales are multiplied. Exact for sign flips and powers of two; else the
   product is rounded to float16. One that float16 cannot hold is refused.
2. Several factors, each for whole parts of a block of 256: one of them multiplies the float16 scales, and what is left
   multiplies the parts' whole numbers, where these stay whole and in range: sign flips of Q3_K and Q6_K, zeros of all.
3. Else the format cannot hold it, and the tensor has to be stored in another one.

Source: the layouts of blocks in llama.cpp's ggml-common.h, as gguf.quants reads them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize, quantize
from numpy.typing import NDArray

from headpursuit.models.checkpoints.gguf_file import StoredTensor

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int16]
Factors = NDArray[np.float64]
Kind = GGMLQuantizationType

FLOATS = (Kind.F32, Kind.F16, Kind.BF16)


@dataclass(frozen=True)
class _Parts:
    """Whole numbers that scale the parts of a block: where they are, what they may be, and how they are packed."""

    place: slice
    range: tuple[int, int]
    unpack: Callable[[Bytes], Numbers]
    """(n_blocks, n_bytes) to (n_blocks, n_kinds, n_parts)."""
    pack: Callable[[Numbers], Bytes]


@dataclass(frozen=True)
class _Block:
    halves: tuple[int, ...]
    """Beginnings of its float16 scales."""
    parts: _Parts | None = None


def _unpack_nibbles(packed: Bytes) -> Numbers:
    return np.stack([packed & 15, packed >> 4], axis=1).astype(np.int16)


def _pack_nibbles(numbers: Numbers) -> Bytes:
    return (numbers[:, 0] | numbers[:, 1] << 4).astype(np.uint8)


def _unpack_bytes(packed: Bytes) -> Numbers:
    return packed.view(np.int8).astype(np.int16)[:, None]


def _pack_bytes(numbers: Numbers) -> Bytes:
    return numbers[:, 0].astype(np.int8).view(np.uint8)


def _unpack_six_bits(packed: Bytes) -> Numbers:
    """Q3_K: low halves of 16 numbers in 8 bytes, then their high bits in 4; 32 stands for zero."""
    low = np.concatenate([packed[:, :8] & 15, packed[:, :8] >> 4], axis=1).astype(np.int16)
    high = np.concatenate([packed[:, 8:] >> shift & 3 for shift in (0, 2, 4, 6)], axis=1).astype(np.int16)
    return ((low | high << 4) - 32)[:, None]


def _pack_six_bits(numbers: Numbers) -> Bytes:
    low, high = (numbers[:, 0] + 32) & 15, (numbers[:, 0] + 32) >> 4
    four = [high[:, 4 * i : 4 * i + 4] << 2 * i for i in range(4)]
    return np.concatenate([low[:, :8] | low[:, 8:] << 4, four[0] | four[1] | four[2] | four[3]], axis=1).astype(
        np.uint8
    )


def _unpack_pairs(packed: Bytes) -> Numbers:
    """Q4_K and Q5_K: 8 scales and 8 minima of 6 bits in 12 bytes; of the last four the high bits are in the first."""
    first, last = packed[:, :8].reshape(-1, 2, 4), np.stack([packed[:, 8:] & 15, packed[:, 8:] >> 4], axis=1)
    return np.concatenate([first & 63, last | first >> 6 << 4], axis=2).astype(np.int16)


def _pack_pairs(numbers: Numbers) -> Bytes:
    first, last = numbers[:, :, :4], numbers[:, :, 4:]
    high = (first | last >> 4 << 6).reshape(-1, 8)
    return np.concatenate([high, (last[:, 0] & 15) | (last[:, 1] & 15) << 4], axis=1).astype(np.uint8)


_PAIRS = _Parts(slice(4, 16), (0, 63), _unpack_pairs, _pack_pairs)

_BLOCKS = {
    Kind.Q4_0: _Block((0,)),
    Kind.Q4_1: _Block((0, 2)),
    Kind.Q5_0: _Block((0,)),
    Kind.Q5_1: _Block((0, 2)),
    Kind.Q8_0: _Block((0,)),
    Kind.IQ4_NL: _Block((0,)),
    Kind.Q2_K: _Block((80, 82), _Parts(slice(0, 16), (0, 15), _unpack_nibbles, _pack_nibbles)),
    Kind.Q3_K: _Block((108,), _Parts(slice(96, 108), (-32, 31), _unpack_six_bits, _pack_six_bits)),
    Kind.Q4_K: _Block((0, 2), _PAIRS),
    Kind.Q5_K: _Block((0, 2), _PAIRS),
    Kind.Q6_K: _Block((208,), _Parts(slice(192, 208), (-128, 127), _unpack_bytes, _pack_bytes)),
}


def rescaled(kind: Kind, rows: Bytes, factors: Factors) -> Bytes | None:
    """Rows whose columns are multiplied; None if the format cannot hold that.

    Args:
        kind: How the rows are stored.
        rows: (n_rows, bytes of a row).
        factors: One for each column of the values.

    Raises:
        ValueError: If a product is more than the format's numbers can be.
    """
    if kind in FLOATS:
        return stored(kind, dequantize(rows, kind) * factors.astype(np.float32))
    how = _BLOCKS.get(kind)
    if how is None:
        return None
    width, size = GGML_QUANT_SIZES[kind]
    result = rows.reshape(len(rows), -1, size).copy()
    for number, of_block in enumerate(factors.reshape(-1, width)):
        if (of_block == 1).all():
            continue
        blocks = _whole(how, result[:, number], of_block[0]) if (of_block == of_block[0]).all() else None
        if blocks is None and how.parts and not (of_block == of_block[0]).all():
            blocks = _by_parts(how, how.parts, result[:, number], of_block)
        if blocks is None:
            return None
        result[:, number] = blocks
    return result.reshape(rows.shape)


def values_of(tensor: StoredTensor, rows: Bytes) -> NDArray[np.float32]:
    """Rows of a tensor, dequantised: (n_rows, width).

    Raises:
        ValueError: If the package gguf cannot read how they are stored.
    """
    try:
        return dequantize(rows, tensor.kind).reshape(len(rows), -1).astype(np.float32, copy=False)
    except NotImplementedError as error:
        raise ValueError(
            f"{tensor.name} is stored in {tensor.kind.name}, which the package gguf cannot read"
        ) from error


def stored(kind: Kind, values: NDArray[np.float32]) -> Bytes:
    """Values as rows of bytes of a kind of plain numbers.

    Raises:
        ValueError: If one is more than such a number can be.
    """
    with np.errstate(over="ignore"):
        rows = quantize(np.ascontiguousarray(values), kind).view(np.uint8).reshape(len(values), -1)
    if not np.isfinite(dequantize(rows, kind)).all():
        raise ValueError(f"scaled, its values are more than {kind.name} can hold; scale less")
    return rows


def _whole(how: _Block, blocks: Bytes, factor: float) -> Bytes:
    """Blocks whose float16 scales are multiplied."""
    result = blocks.copy()
    for at in how.halves:
        halves = np.ascontiguousarray(blocks[:, at : at + 2]).view(np.float16)
        with np.errstate(over="ignore"):
            products = (halves.astype(np.float64) * factor).astype(np.float16)
        if not np.isfinite(products).all():
            raise ValueError(
                f"scaled by {factor:g}, a block's scale is more than float16 can hold (65504), in which GGUF keeps it; "
                "scale less"
            )
        result[:, at : at + 2] = products.view(np.uint8)
    return result


def _by_parts(how: _Block, parts: _Parts, blocks: Bytes, factors: Factors) -> Bytes | None:
    """Blocks whose parts are multiplied by different factors; None if one of them cannot be."""
    before = parts.unpack(np.ascontiguousarray(blocks[:, parts.place]))
    of_parts = factors.reshape(before.shape[-1], -1)
    if (of_parts != of_parts[:, :1]).any():
        return None
    values, counts = np.unique(of_parts[:, 0], return_counts=True)
    result, done = blocks.copy(), np.zeros(len(blocks), dtype=bool)
    by_count = list(values[np.argsort(-counts, kind="stable")])
    for common in sorted((value for value in by_count if value), key=lambda value: value != 1):
        numbers = before * (of_parts[:, 0] / common)
        fits = (numbers == np.rint(numbers)) & (numbers >= parts.range[0]) & (numbers <= parts.range[1])
        new = fits.all(axis=(1, 2)) & ~done
        chosen = _whole(how, blocks[new], common)
        chosen[:, parts.place] = parts.pack(np.rint(numbers[new]).astype(np.int16))
        result[new], done = chosen, done | new
    return result if done.all() else None
