"""Tables that describe the images of a folder, one row per image."""

from pathlib import Path
from typing import Any

from headpursuit.tables import read_table

NAMES = ("metadata.jsonl", "metadata.csv", "captions.jsonl", "captions.csv")


def table_of(folder: Path) -> Path | None:
    """The table that describes a folder's images, if there is one.

    Raises:
        ValueError: If there are several.
    """
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(found) > 1:
        raise ValueError(f"{folder} has {' and '.join(path.name for path in found)}; keep the one that counts")
    return found[0] if found else None


def described(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a table, each with the words that say where it stands.

    Raises:
        ValueError: If a line cannot be read, the file is not UTF-8, or there are no rows.
    """
    rows = read_table(path)
    if not rows:
        raise ValueError(f"{path} describes no images")
    return rows
