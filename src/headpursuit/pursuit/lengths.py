"""Lengths whose squares float32 can hold, so that a pursuit does not depend on the scale of what it is given."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def squares_vanish(lengths: Float[Tensor, " n"]) -> Bool[Tensor, " n"]:
    """Lengths that are far from 1 or cannot be told: their squares, products or sums may have become 0 or infinite."""
    return ~((lengths > 2.0**-60) & (lengths < 2.0**60))


def near_one(values: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """Each times the power of two that brings its largest number to between 1/2 and 1: no digit changes.

    Zeros stay as they are. Numbers must be finite.
    """
    exponent = torch.frexp(values.double().abs().flatten(1).amax(1)).exponent.double()
    half = (exponent / 2).floor()  # one factor alone could be infinite
    for power in (-half, half - exponent):
        values = values.double() * (2.0**power).view(-1, *[1] * (values.dim() - 1))
    return values
