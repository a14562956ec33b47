"""Rendered scenes: one to four things, each a scanned digit or a drawn shape, in a colour, a size and a place."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Real
from PIL import Image, ImageDraw

from headpursuit.media.images.image_set import Split
from headpursuit.media.images.rendered.scans import DIGIT_WORDS, scans, scans_of

SIDE = 64
"""Pixels of a scene's side."""

SHAPE_WORDS = ("circle", "square", "triangle", "star", "diamond", "cross")

COLOURS = {
    "red": (220, 30, 35),
    "green": (30, 150, 50),
    "blue": (35, 70, 215),
    "yellow": (235, 205, 20),
    "orange": (245, 130, 20),
    "purple": (125, 40, 160),
    "pink": (250, 130, 190),
    "brown": (120, 70, 25),
    "black": (15, 15, 15),
    "gray": (135, 135, 135),
}

SIZES = {"small": (16, 19), "large": (25, 29)}
"""Smallest and largest side of a thing, pixels."""

PLACES = {
    "top left": (17, 17),
    "top right": (47, 17),
    "bottom left": (17, 47),
    "bottom right": (47, 47),
    "centre": (32, 32),
}
"""Middle of a thing (x, y), pixels; only a thing that is alone stands in the centre."""

KINDS = (*DIGIT_WORDS, *SHAPE_WORDS)

_COUNTS = (0.4, 0.25, 0.2, 0.15)
"""Fractions of the scenes with one, two, three and four things."""

_JITTER = 3
"""Pixels by which a thing may be off its place."""

_NOISE = 5
"""Every pixel is off by up to this much, of 255."""

_GLYPH = 32
"""Pixels of a glyph's side before it is put into a scene."""


@dataclass(frozen=True)
class Thing:
    """One thing in a scene."""

    kind: str
    """A digit's word or a shape."""
    colour: str
    size: str
    place: str
    scan: int | None = None
    """Number of the scan, for a digit."""

    @property
    def is_digit(self) -> bool:
        """True of a digit, false of a shape."""
        return self.kind in DIGIT_WORDS


@dataclass(frozen=True)
class Scene:
    """Things to be rendered, in reading order, no two alike in kind, colour or place."""

    things: tuple[Thing, ...]
    seed: int
    """Of everything that is not said in words: exact places, angles, shades, noise."""


def random_scene(rng: np.random.Generator, split: Split, n_things: int | None = None) -> Scene:
    """Draw a scene; digits are scans of the split."""
    count = int(rng.choice(4, p=_COUNTS)) + 1 if n_things is None else n_things
    places = list(PLACES)
    chosen = rng.choice(len(places), 1) if count == 1 else np.sort(rng.choice(len(places) - 1, count, replace=False))
    weights = np.array([0.6 / 10] * 10 + [0.4 / 6] * 6)
    kinds = rng.choice(len(KINDS), count, replace=False, p=weights)
    colours = rng.choice(list(COLOURS), count, replace=False)
    things = tuple(
        Thing(
            KINDS[kind],
            str(colour),
            str(rng.choice(list(SIZES))),
            places[place],
            int(rng.choice(scans_of(split)[kind])) if kind < 10 else None,
        )
        for kind, colour, place in zip(kinds, colours, chosen, strict=True)
    )
    return Scene(things, int(rng.integers(2**31)))


def render(scene: Scene) -> Image.Image:
    """Draw a scene; the same scene gives the same pixels.

    Returns:
        An RGB picture of 64 x 64 pixels.
    """
    rng = np.random.default_rng(scene.seed)
    canvas = Image.new("RGB", (SIDE, SIDE), _shade(np.full(3, rng.uniform(232, 249)), 6, rng))
    for thing in scene.things:
        canvas.paste(_shade(np.array(COLOURS[thing.colour]), 14, rng), mask=_ink(thing, rng))
    noise = rng.integers(-_NOISE, _NOISE + 1, (SIDE, SIDE, 3), dtype=np.int8)
    return Image.fromarray((np.asarray(canvas, dtype=np.int16) + noise).clip(0, 255).astype(np.uint8))


def _shade(colour: Real[np.ndarray, " 3"], width: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """A colour close to the given one."""
    red, green, blue = (colour + rng.uniform(-width, width, 3)).clip(0, 255).astype(int).tolist()
    return red, green, blue


def _ink(thing: Thing, rng: np.random.Generator) -> Image.Image:
    """The part of the canvas that a thing covers: its glyph moved, sized, turned and slanted."""
    x, y = (middle + rng.uniform(-_JITTER, _JITTER) for middle in PLACES[thing.place])
    zoom, turn, slant = _GLYPH / rng.uniform(*SIZES[thing.size]), rng.uniform(-0.2, 0.2), rng.uniform(-0.15, 0.15)
    cos, sin, half = zoom * np.cos(turn), zoom * np.sin(turn), _GLYPH / 2
    a, b, d, e = cos + slant * sin, sin + slant * cos, -sin, cos
    matrix = (a, b, half - a * x - b * y, d, e, half - d * x - e * y)
    return _glyph(thing).transform((SIDE, SIDE), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def _glyph(thing: Thing) -> Image.Image:
    return _shape(thing.kind) if thing.scan is None else _digit(thing.scan)


@cache
def _digit(scan: int) -> Image.Image:
    image = Image.fromarray(scans()[0][scan]).resize((_GLYPH, _GLYPH), Image.Resampling.BICUBIC)
    return image.point([min(255, int(1.3 * value)) for value in range(256)])


@cache
def _shape(kind: str) -> Image.Image:
    large = Image.new("L", (256, 256))
    draw = ImageDraw.Draw(large)
    if kind == "circle":
        draw.ellipse((24, 24, 232, 232), fill=255)
    else:
        draw.polygon(_CORNERS[kind], fill=255)
    return large.resize((_GLYPH, _GLYPH), Image.Resampling.LANCZOS)


def _star() -> list[tuple[float, float]]:
    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    radii = np.where(np.arange(10) % 2, 50, 124)
    return [(128 + r * np.cos(a), 134 + r * np.sin(a)) for r, a in zip(radii, angles, strict=True)]


_CORNERS: dict[str, list[tuple[float, float]]] = {
    "square": [(34, 34), (222, 34), (222, 222), (34, 222)],
    "triangle": [(128, 20), (240, 226), (16, 226)],
    "diamond": [(128, 8), (218, 128), (128, 248), (38, 128)],
    "cross": [(92, 12), (164, 12), (164, 92), (244, 92), (244, 164), (164, 164), (164, 244), (92, 244), (92, 164),
              (12, 164), (12, 92), (92, 92)],
    "star": _star(),
}  # fmt: skip
