"""A prompt about an image."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from PIL.Image import Image

Picture: TypeAlias = Path | Image | Callable[[], Image]
"""A file or a function, opened when the picture is needed, or a picture in memory."""


@dataclass(frozen=True)
class ImagePrompt:
    """What a vision-language model is asked about one image."""

    text: str
    """With the model's image placeholder in it where the image belongs; in a chat, the question alone."""
    image: Picture


Prompt: TypeAlias = str | ImagePrompt
"""What a model reads: text, or text with an image."""
