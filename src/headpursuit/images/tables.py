"""Tables that describe the images of a folder, one row per image."""

from pathlib import Path

from headpursuit.files import TABLES, Row, read_table

NAMES = tuple(f"{stem}{ending}" for stem in ("metadata", "captions") for ending in TABLES)
"""Names of such tables, in capitals or not."""


def table_of(folder: Path) -> Path | None:
    """The table that describes a folder's images, if there is one.

    Raises:
        ValueError: If there are several.
    """
    inside = (path for path in folder.iterdir() if path.name.lower() in NAMES and path.is_file())
    found = sorted(inside, key=lambda path: NAMES.index(path.name.lower()))
    if len(found) > 1:
        raise ValueError(f"{folder} has {' and '.join(path.name for path in found)}; keep the one that counts")
    return found[0] if found else None


def described(path: Path) -> list[Row]:
    """The rows of a table.

    Raises:
        ValueError: If a line cannot be read, the file is not UTF-8, or there are no rows.
    """
    rows = read_table(path)
    if not rows:
        raise ValueError(f"{path} describes no images")
    return rows
