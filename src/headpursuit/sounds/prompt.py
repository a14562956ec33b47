"""A prompt that is heard."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np


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


SoundSource: TypeAlias = Path | Sound
"""A sound's origin: a file, read when the sound is needed, or memory."""


@dataclass(frozen=True)
class AudioPrompt:
    """A recording for a model that listens; what it writes is what it heard."""

    audio: SoundSource
    """A path may be given as text."""

    def __post_init__(self) -> None:
        if isinstance(self.audio, str):
            object.__setattr__(self, "audio", Path(self.audio))

    def __str__(self) -> str:
        return f"[{self.audio}]" if isinstance(self.audio, Path) else "[sound]"
