"""Where pictures and sounds come from: files, rows of data sets, or memory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL.Image import Image


@dataclass(frozen=True)
class StoredImage:
    """An image kept in a data set."""

    name: str
    """The name that errors call it by."""
    read: Callable[[], bytes]
    """Gives the bytes of its image file."""


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


ImageSource: TypeAlias = Path | StoredImage | Image
"""A picture's origin: a file or a row of a data set, read when the picture is needed, or memory."""

SoundSource: TypeAlias = Path | Sound
"""A sound's origin: a file, read when the sound is needed, or memory."""
