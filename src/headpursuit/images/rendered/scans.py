"""Scanned handwritten digits, in colour, offline: scikit-learn's copy of the UCI optical digits."""

from functools import cache
from hashlib import sha256

import numpy as np
from jaxtyping import Int, UInt8

from headpursuit.images.class_words import DIGITS
from headpursuit.images.image_set import Split

DIGIT_WORDS = tuple(word for word, _ in DIGITS.values())

_HELDOUT = 0.2
"""Fraction of the scans that no training and no selection ever sees."""


@cache
def scans() -> tuple[UInt8[np.ndarray, "n_scans 8 8"], Int[np.ndarray, " n_scans"]]:
    """All 1,797 scans, ink 255 on 0, and the digit that each one is.

    Source: Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI repository, CC BY 4.0.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    return np.round(data.images * (255 / 16)).astype(np.uint8), data.target.astype(np.int64)


@cache
def scans_of(split: Split) -> tuple[Int[np.ndarray, " n_scans"], ...]:
    """Numbers of the scans in a split, by digit."""
    images, labels = scans()
    heldout = np.array([_is_heldout(image) for image in images])
    wanted = heldout if split == "heldout" else ~heldout
    return tuple(np.flatnonzero(wanted & (labels == digit)) for digit in range(10))


def _is_heldout(image: UInt8[np.ndarray, "8 8"]) -> bool:
    """By the pixels alone, so that the split depends on no order and equal scans stay together."""
    return int.from_bytes(sha256(image.tobytes()).digest()[:4], "big") < _HELDOUT * 2**32
