"""The study's small images and recordings inside the page, as many as it can carry."""

from collections.abc import Iterable
from pathlib import Path

from headpursuit.report.pictures import data_address

MOST_BYTES = 2_000_000
"""Of all of them in a page together; the rest are named only."""


_KINDS = {".png": "image/png", ".ogg": "audio/ogg"}


def embedded(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Data addresses of a study's images and recordings, in their order until `MOST_BYTES` are full.

    Args:
        folder: The study's.
        names: Of files in it, in the order of display; empty ones are left out.

    Returns:
        By the file's name in the study's folder.

    Raises:
        ValueError: If one lies outside that folder.
    """
    found: dict[str, str] = {}
    room = MOST_BYTES
    for name in dict.fromkeys(filter(None, names)):
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{folder} is no study that this version can read: its file {name} lies elsewhere")
        address = data_address((folder / name).read_bytes(), _KINDS[Path(name).suffix])
        room -= len(address)
        if room < 0:
            break
        found[name] = address
    return found
