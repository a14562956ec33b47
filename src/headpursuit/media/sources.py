"""Origins of pictures and sounds: files, rows of data sets, or memory."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL.Image import Image

_READ = 1 << 16
"""Bytes of a file that are hashed, beside its size: enough to tell files apart, cheap for a million of them."""


@dataclass(frozen=True)
class Stored:
    """An image or a sound kept in a data set."""

    name: str
    """The name that errors call it by."""
    read: Callable[[], bytes]
    """Gives the bytes of its file."""


@dataclass(frozen=True, eq=False)
class Sound:
    """Sound in memory.

    Raises:
        ValueError: If it holds no frame.
    """

    values: np.ndarray
    """(n_frames,), or (n_frames, n_channels), between -1 and 1."""
    rate: int
    """Frames a second."""

    def __post_init__(self) -> None:
        if not self.values.size:
            raise ValueError(f"a sound in memory holds no frame: its values have the shape {self.values.shape}")


ImageSource: TypeAlias = Path | Stored | Image
"""A picture's origin: a file or a row of a data set, read when the picture is needed, or memory."""

SoundSource: TypeAlias = Path | Stored | Sound
"""A sound's origin: a file or a row of a data set, read when the sound is needed, or memory."""

Source: TypeAlias = ImageSource | SoundSource
"""The origin of anything that is no text."""


def content_of(source: Source) -> bytes:
    """Bytes that tell an image or a sound from others; a file that is not there is told by its name."""
    if isinstance(source, Stored):
        content = source.read()
        return f"{source.name} {len(content)} ".encode() + hashlib.sha256(content[:_READ]).digest()
    if isinstance(source, Sound):
        return f"{source.rate} {source.values.shape} ".encode() + hashlib.sha256(source.values.tobytes()).digest()
    if isinstance(source, Image):
        return f"{source.mode} {source.size} ".encode() + hashlib.sha256(source.tobytes()).digest()
    if not source.is_file():
        return source.name.encode()
    with source.open("rb") as file:
        return f"{source.name} {source.stat().st_size} ".encode() + hashlib.sha256(file.read(_READ)).digest()
