"""Image files of every kind as RGB pictures, with one clear line for what cannot be read."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, BytesIO
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from headpursuit.files.folders import files_below
from headpursuit.media.sources import ImageSource, Stored

MOST_PIXELS = 100_000_000
"""Larger pictures are refused before they are decoded: as RGB, this many pixels fill 300 MB."""

SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
"""Endings of image files."""

_WIDE_MODES = ("I", "F")
"""Grey of 32 bits; `I;16` and its byte orders have 16."""


def open_image(source: ImageSource) -> Image.Image:
    """A picture in RGB, as a person would see it.

    The orientation a camera noted is applied, transparent parts become white, grey of 16 bits is scaled to 8. Of an
    animation or a file with several pages, the first is taken; a picture in memory at the frame it stands at. 32-bit
    grey has no fixed white: it is the least of 1 (floating point only), 255 and 65535 that no pixel exceeds, else the
    brightest pixel. Colour profiles are not applied.

    Args:
        source: A file, an image of a data set, or a picture in memory, which is left as it is.

    Returns:
        A new picture, decoded, which needs its file no longer.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it cannot be read.
        ValueError: If it is no image, is damaged, or has more than `MOST_PIXELS` pixels.
    """
    if isinstance(source, Image.Image):
        name = getattr(source, "filename", "") or "the picture in memory"
        with _understood(name):
            return _as_rgb(source, name)
    with _opened(source) as (image, name):
        return _as_rgb(image, name)


def check_image(source: Path | Stored) -> None:
    """Check what can be known of an image without decoding it: that it is there, is an image, and is not huge.

    One cut short is not noticed: `open_image` finds that.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it cannot be read.
        ValueError: If it is no image or has more than `MOST_PIXELS` pixels.
    """
    with _opened(source) as (image, name):
        _refuse_size(image, name)


def image_size(source: ImageSource) -> tuple[int, int]:
    """Width and height of what `open_image` gives, as a file's header tells them.

    Only a JPEG's note on its orientation is looked at: asking a file of another kind would decode all of it.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it cannot be read.
        ValueError: If it is no image.
    """
    if isinstance(source, Image.Image):
        return _upright_size(source)
    with _opened(source) as (image, _):
        return _upright_size(image) if image.format in ("JPEG", "MPO") else image.size


def _upright_size(image: Image.Image) -> tuple[int, int]:
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    return image.size[::-1] if turned else image.size


def image_files(folder: Path) -> list[Path]:
    """All image files of a folder and its sub-folders, known by their endings, as `files_below` finds them.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    return files_below(folder, SUFFIXES)


@contextmanager
def _opened(source: Path | Stored) -> Iterator[tuple[Image.Image, str]]:
    """The header, read, and what errors call the image; its pixels are decoded on demand."""
    if isinstance(source, Stored):
        with _decodable(BytesIO(source.read()), source.name) as image:
            yield image, source.name
        return
    if source.is_dir():
        raise ValueError(f"{source} is a folder, not an image")
    if not source.is_file():
        raise FileNotFoundError(f"there is no image {source}")
    with source.open("rb") as file, _decodable(file, str(source)) as image:
        yield image, str(source)


@contextmanager
def _decodable(file: BufferedReader | BytesIO, name: str) -> Iterator[Image.Image]:
    with _understood(name):
        if not file.read(1):
            raise _Refused(f"{name} is empty, not an image")
        file.seek(0)
        with Image.open(file) as image:
            yield image


class _Refused(ValueError):
    """A complaint that is complete."""


@contextmanager
def _understood(name: str) -> Iterator[None]:
    """One line for all that goes wrong in a decoder; each raises other errors on damaged files."""
    with warnings.catch_warnings():
        # Large pictures are our business, and what else a decoder can live with, we can.
        warnings.simplefilter("ignore")
        try:
            yield
        except (_Refused, MemoryError):
            raise
        except UnidentifiedImageError as error:
            raise ValueError(f"{name} is not an image that can be read, or its beginning is damaged") from error
        except Image.DecompressionBombError as error:
            pixels = re.search(r"\d+", str(error))
            raise ValueError(_too_large(name, f"{int(pixels[0]):,} pixels" if pixels else "too many pixels")) from error
        except Exception as error:
            fault = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{name} is damaged or of a kind that cannot be read ({fault})") from error


def _refuse_size(image: Image.Image, name: str) -> None:
    pixels = image.width * image.height
    if pixels > MOST_PIXELS:
        raise _Refused(_too_large(name, f"{image.width} x {image.height} = {pixels:,} pixels"))
    if pixels == 0:
        raise _Refused(f"{name} has no pixels: it is {image.width} x {image.height}")


def _too_large(name: str, size: str) -> str:
    return f"{name} has {size}, but at most {MOST_PIXELS:,} are read; scale it down first"


def _as_rgb(image: Image.Image, name: str) -> Image.Image:
    _refuse_size(image, name)
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _WIDE_MODES or upright.mode.startswith("I;16"):
        return Image.fromarray(_eight_bits(np.asarray(upright))).convert("RGB")
    if upright.has_transparency_data:
        paper = Image.new("RGBA", upright.size, "white")
        return Image.alpha_composite(paper, upright.convert("RGBA")).convert("RGB")
    return upright if upright.mode == "RGB" else upright.convert("RGB")


def _eight_bits(grey: np.ndarray) -> np.ndarray:
    """Grey values of 16 or 32 bits as bytes."""
    if grey.dtype.itemsize == 2:
        white = 65535.0
    else:
        grey = np.nan_to_num(grey.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        brightest = float(grey.max())
        usual = (1.0, 255.0, 65535.0) if grey.dtype.kind == "f" else (255.0, 65535.0)
        white = next((level for level in usual if brightest <= level), brightest)
    return np.rint(np.clip(grey / white, 0, 1) * 255).astype(np.uint8)
