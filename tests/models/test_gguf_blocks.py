"""Columns rescaled inside blocks, against gguf's own dequantising."""

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind
from gguf.quants import dequantize
from gguf_files import BY_32, BY_256, PLAIN, rows

from headpursuit.models.export.gguf.blocks import _BLOCKS, rescaled

name = pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in (*PLAIN, *BY_32, *BY_256)])


def factors(*of_columns, width=512):
    """Factors by ranges of columns: (first, last, factor)."""
    found = np.ones(width)
    for first, last, factor in of_columns:
        found[first:last] = factor
    return found


def values(kind, stored):
    return dequantize(stored, kind)


@name
@pytest.mark.parametrize("factor", [-1.0, 0.0, 2.0, -0.5])
def test_whole_blocks_are_exact(kind, factor):
    stored, wanted = rows(kind), factors((256, 512, factor))
    made = rescaled(kind, stored, wanted)
    assert np.array_equal(values(kind, made), values(kind, stored) * wanted.astype(np.float32))
    assert np.array_equal(made[:, : made.shape[1] // 2], stored[:, : made.shape[1] // 2])
    assert not np.array_equal(made, stored)


@name
def test_any_factor_is_held_to_float16(kind):
    stored, wanted = rows(kind), factors((0, 256, 0.7))
    expected = values(kind, stored) * wanted.astype(np.float32)
    error = np.abs(values(kind, rescaled(kind, stored, wanted)) - expected).max() / np.abs(expected).max()
    assert error <= (4e-3 if kind == Kind.BF16 else 5e-4)


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in BY_32])
def test_a_head_that_fills_blocks_of_32_by_halves_is_not_held(kind):
    assert rescaled(kind, rows(kind), factors((0, 80, -1.0))) is None
    assert rescaled(kind, rows(kind), factors((0, 96, -1.0))) is not None


@pytest.mark.parametrize("kind", [Kind.Q3_K, Kind.Q6_K], ids=["Q3_K", "Q6_K"])
def test_parts_of_a_block_of_256_are_reversed_exactly(kind):
    stored, wanted = rows(kind), factors((64, 128, -1.0), (384, 448, 0.0))
    made = rescaled(kind, stored, wanted)
    assert np.array_equal(values(kind, made), values(kind, stored) * wanted.astype(np.float32))
    again = rescaled(kind, made, factors((64, 128, -1.0)))
    assert np.array_equal(values(kind, again), values(kind, stored) * factors((384, 448, 0.0)).astype(np.float32))


def test_a_part_at_the_lowest_number_turns_the_others_instead():
    stored = rows(Kind.Q6_K, n_rows=1, width=256)
    stored[:, 192] = 128  # -128 cannot be reversed in int8
    wanted = factors((0, 64, -1.0), width=256)
    made = rescaled(Kind.Q6_K, stored, wanted)
    assert np.array_equal(values(Kind.Q6_K, made), values(Kind.Q6_K, stored) * wanted.astype(np.float32))
    stored[:, 200] = 128
    assert rescaled(Kind.Q6_K, stored, wanted) is None


@pytest.mark.parametrize("kind", [Kind.Q2_K, Kind.Q4_K, Kind.Q5_K], ids=["Q2_K", "Q4_K", "Q5_K"])
def test_minima_can_be_removed_in_parts_and_not_reversed(kind):
    stored, wanted = rows(kind), factors((64, 128, 0.0))
    made = rescaled(kind, stored, wanted)
    assert np.array_equal(values(kind, made), values(kind, stored) * wanted.astype(np.float32))
    assert rescaled(kind, stored, factors((64, 128, -1.0))) is None


def test_no_part_is_divided():
    assert rescaled(Kind.Q6_K, rows(Kind.Q6_K), factors((0, 40, -1.0))) is None


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind, how in _BLOCKS.items() if how.parts])
def test_what_is_unpacked_is_packed_again(kind):
    parts, stored = _BLOCKS[kind].parts, rows(kind, seed=3).reshape(12, -1)
    packed = np.ascontiguousarray(stored[:, parts.place])
    numbers = parts.unpack(packed)
    assert parts.range[0] <= numbers.min() < numbers.max() <= parts.range[1]
    assert np.array_equal(parts.pack(numbers), packed)


@pytest.mark.parametrize("kind", [Kind.F16, Kind.Q4_0, Kind.Q4_K], ids=["F16", "Q4_0", "Q4_K"])
def test_what_float16_cannot_hold_is_refused(kind):
    with pytest.raises(ValueError, match="scaled.* can hold.*scale less"):
        rescaled(kind, rows(kind), factors((0, 256, 1e9)))


def test_a_kind_without_known_blocks_is_not_held():
    assert rescaled(Kind.TQ2_0, np.zeros((2, 132), np.uint8), factors((0, 256, -1.0))) is None
