"""Files that may be shared: kinds that hold data and pages, of sizes that a hub and a disk can bear."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from headpursuit.storage import MANIFEST, README

KINDS = (".json", ".safetensors", ".html", ".png", ".svg", ".md")
"""None of them runs when headpursuit reads it; a page's script runs when you open the page in a browser."""

MOST_FILES = 5_000
LARGEST_FILE = 5_000_000_000
"""Bytes."""
LARGEST_FOLDER = 20_000_000_000
"""Bytes."""
LARGEST_MANIFEST = 10_000_000
"""Bytes: it is read as a whole before anything else is known."""

CARD = README
"""For people, who may go on writing it on the hub: it has no checksum."""


def check_files(sizes: Mapping[str, int], origin: str) -> None:
    """Refuse what must not be shared, on the way to the hub and on the way back.

    Args:
        sizes: The files that a manifest lists, in bytes.
        origin: Where they are, for the error.

    Raises:
        ValueError: Naming the first file that is of another kind, too large, or would lie outside of its folder.
    """
    for name, size in sizes.items():
        _check_name(name, origin)
        if size > LARGEST_FILE:
            raise ValueError(f"{origin}: {name} has {size / 1e9:.1f} GB; at most {LARGEST_FILE / 1e9:g} GB are shared")
    if len(sizes) > MOST_FILES:
        raise ValueError(f"{origin} has {len(sizes)} files; at most {MOST_FILES} are shared")
    if sum(sizes.values()) > LARGEST_FOLDER:
        total = sum(sizes.values()) / 1e9
        raise ValueError(f"{origin} has {total:.1f} GB; at most {LARGEST_FOLDER / 1e9:g} GB are shared")


def _check_name(name: str, origin: str) -> None:
    parts = name.split("/")
    # A part that begins with a dot is also what climbs out of the folder; a backslash or colon does so on Windows.
    if any(not part or part.startswith(".") for part in parts) or not name.isprintable() or set(name) & set("\\:"):
        raise ValueError(f"{origin}: the file name {name!r} is refused, because it can lie outside of the folder")
    if name == MANIFEST:
        raise ValueError(f"{origin}: its {MANIFEST} lists itself")
    if name == CARD:
        raise ValueError(f"{origin}: its {MANIFEST} lists {CARD}, which is the card and has no checksum")
    if PurePosixPath(name).suffix.lower() not in KINDS:
        raise ValueError(f"{origin}: {name} is refused; only {', '.join(KINDS)} are shared, nothing that could execute")
