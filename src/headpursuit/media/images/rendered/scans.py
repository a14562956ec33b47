"""Scanned handwritten digits: the UCI optical digits, whose source and licence are in `optdigits.txt`."""

from functools import cache
from hashlib import sha256
from importlib.resources import files

import numpy as np
from jaxtyping import Int, UInt8

from headpursuit.media.images.class_words import DIGITS
from headpursuit.media.images.image_set import Split

DIGIT_WORDS = tuple(word for word, _ in DIGITS.values())

_HELDOUT = 0.2
"""Fraction of the scans that no training and no selection ever sees."""


@cache
def scans() -> tuple[UInt8[np.ndarray, "n_scans 8 8"], Int[np.ndarray, " n_scans"]]:
    """All 1,797 scans, ink 255 on 0, and the digit that each one is."""
    rows = np.loadtxt(str(files(__package__) / "optdigits.csv.gz"), dtype=np.int64, delimiter=",")
    return np.round(rows[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8), rows[:, -1]


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
