"""Files in a folder and below it."""

from collections.abc import Collection
from pathlib import Path


def files_below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """All files of a folder and its sub-folders with one of some endings, in the order of their names.

    What begins with a dot is left out.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    inside = ((path.relative_to(folder), path) for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    seen = ((name.as_posix(), path) for name, path in inside if not any(part.startswith(".") for part in name.parts))
    return [path for _, path in sorted(seen) if path.is_file()]
