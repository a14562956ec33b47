"""Tables that describe the images of a folder, one row per image."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

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


def read_table(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a `.jsonl` or `.csv` file, each with the words that say where it stands.

    Raises:
        ValueError: If a line cannot be read, the file is not UTF-8, or there are no rows.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="" if path.suffix == ".csv" else "\n") as lines:
            read = _from_csv if path.suffix == ".csv" else _from_jsonl
            rows = [(f"{path}, line {number}", row) for number, row in read(lines, path)]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    if not rows:
        raise ValueError(f"{path} describes no images")
    return rows


def _from_jsonl(lines: TextIO, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {number}: no valid JSON ({error.msg} at column {error.colno})") from error
        if not isinstance(row, dict):
            raise ValueError(f"{path}, line {number}: no JSON object")
        yield number, row


def _from_csv(lines: TextIO, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    rows = csv.DictReader(lines)
    try:
        for row in rows:
            if None in row or None in row.values():
                raise ValueError(f"{path}, line {rows.line_num}: another number of columns than the first line has")
            yield rows.line_num, row
    except csv.Error as error:
        raise ValueError(f"{path}, line {rows.line_num}: {error}") from error
