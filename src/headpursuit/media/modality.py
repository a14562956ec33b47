"""Modalities: what models read beside text, each as a value that knows its files; a further one is a further value."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from headpursuit.files.folders import files_below
from headpursuit.media.images import opening as images
from headpursuit.media.sounds import opening as sounds

_ANY_RATE = 16000
"""A rate that sounds are read at, to see whether they can be."""


@dataclass(frozen=True)
class Modality:
    """Something that models read beside text."""

    name: Literal["image", "audio"]
    """Its name in positions and scopes, and the one that transformers gives it in chat templates."""
    noun: str
    """The word for one, as in `prompt 1 has no sound`."""
    many: str
    """The word for several, as in `it reads text and images`."""
    file_noun: str
    """The word for a file of one."""
    suffixes: frozenset[str]
    """Endings of its files."""
    open: Callable[[Any], object]
    """Decodes a file, a row of a data set, or what is in memory; a ValueError or OSError says why it cannot."""

    @property
    def column(self) -> str:
        """The column of a table of prompts that names its files."""
        return f"{self.name}_path"

    def files(self, folder: Path) -> list[Path]:
        """All its files in a folder and below it, as `files_below` finds them.

        Raises:
            FileNotFoundError: If there is no such folder.
        """
        return files_below(folder, self.suffixes)


IMAGE = Modality("image", "image", "images", "image", images.SUFFIXES, images.open_image)
AUDIO = Modality("audio", "sound", "sound", "sound file", sounds.SUFFIXES, partial(sounds.open_sound, rate=_ANY_RATE))

MODALITIES = (IMAGE, AUDIO)
