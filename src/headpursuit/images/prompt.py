"""A prompt about an image."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from PIL.Image import Image


@dataclass(frozen=True)
class ImagePrompt:
    """What a vision-language model is asked about one image."""

    text: str
    """With the model's image placeholder in it where the image belongs; in a chat, the question alone."""
    image: Path | Image
    """A file, which is opened when the model reads it, or a picture in memory."""


Prompt: TypeAlias = str | ImagePrompt
"""What a model reads: text, or text with an image."""
