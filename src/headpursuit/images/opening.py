"""Open pictures."""

from pathlib import Path

import PIL.Image
from PIL.Image import Image


def open_image(source: Path | Image) -> Image:
    """A picture in RGB.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no picture; the text names the file.
    """
    if isinstance(source, Image):
        return source.convert("RGB")
    if not source.is_file():
        raise FileNotFoundError(f"there is no image {source}")
    try:
        with PIL.Image.open(source) as image:
            return image.convert("RGB")
    except OSError as error:
        raise ValueError(f"{source} is no image that can be read: {error}") from error
