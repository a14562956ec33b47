"""The study's small images inside the page, as many as it can carry."""

import base64
from collections.abc import Iterable
from pathlib import Path

from headpursuit.report.captioning import ShownImage
from headpursuit.report.examples import ShownExample

MOST_BYTES = 2_000_000
"""Of all images in a page together; the rest are named only."""


def embedded(folder: Path, examples: Iterable[ShownExample | ShownImage]) -> dict[str, str]:
    """Data addresses of the examples' images, in their order until `MOST_BYTES` are full.

    Returns:
        By the file's name in the study's folder.

    Raises:
        ValueError: If an image lies outside that folder.
    """
    found: dict[str, str] = {}
    room = MOST_BYTES
    for name in dict.fromkeys(example.thumbnail for example in examples if example.thumbnail):
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{folder} is no study that this version can read: its image {name} lies elsewhere")
        address = "data:image/png;base64," + base64.b64encode((folder / name).read_bytes()).decode("ascii")
        room -= len(address)
        if room < 0:
            break
        found[name] = address
    return found
