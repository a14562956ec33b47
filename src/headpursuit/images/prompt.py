"""A prompt about an image."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from PIL.Image import Image

from headpursuit.conversations import Conversation


@dataclass(frozen=True)
class StoredImage:
    """An image kept in a data set."""

    name: str
    """What errors call it."""
    read: Callable[[], bytes]
    """What its image file would hold."""


ImageSource: TypeAlias = Path | StoredImage | Image
"""Where a picture comes from: a file or a row of a data set, read when the picture is needed, or memory."""


@dataclass(frozen=True)
class ImagePrompt:
    """What a vision-language model is asked about one image."""

    text: str
    """With the model's image placeholder in it where the image belongs; in a chat, the question alone."""
    image: ImageSource
    """A path may be given as text."""

    def __post_init__(self) -> None:
        if isinstance(self.image, str):
            object.__setattr__(self, "image", Path(self.image))


Prompt: TypeAlias = str | ImagePrompt | Conversation
"""What a model reads: text, text with an image, or the messages of a chat."""
