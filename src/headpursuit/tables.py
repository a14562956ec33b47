"""Rows of a file: `.jsonl`, `.json`, `.csv` or `.parquet`."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from headpursuit.extras import ExtraMissing

_Row = tuple[str, dict[str, Any]]


def read_table(path: Path) -> list[_Row]:
    """The rows of a file, each with the words that say where it stands.

    A `.json` file holds a list of objects. Of a `.csv` file all values are text.

    Args:
        path: A file that ends in one of `TABLES`.

    Returns:
        Where each row stands, and its values by column.

    Raises:
        ExtraMissing: If a `.parquet` file needs the package pyarrow and it is not installed.
        FileNotFoundError: If there is no such file.
        ValueError: If the ending is another, a row cannot be read, or the file is not UTF-8.
    """
    read = _READERS.get(path.suffix)
    if read is None:
        raise ValueError(f"{path} ends in {path.suffix or 'nothing'!r}; a table is a file {', '.join(TABLES)}")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        return list(read(path))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error


def _from_jsonl(path: Path) -> Iterator[_Row]:
    with path.open(encoding="utf-8-sig", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                where = f"{path}, line {number}"
                yield where, _object(_parsed(line, where, "at column {error.colno}"), where)


def _from_json(path: Path) -> Iterator[_Row]:
    rows = _parsed(path.read_text(encoding="utf-8-sig"), str(path), "at line {error.lineno}, column {error.colno}")
    if not isinstance(rows, list):
        raise ValueError(f"{path} holds no list of objects")
    for number, row in enumerate(rows):
        where = f"{path}, row {number}"
        yield where, _object(row, where)


def _from_csv(path: Path) -> Iterator[_Row]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        try:
            for row in rows:
                where = f"{path}, line {rows.line_num}"
                if None in row or None in row.values():
                    raise ValueError(f"{where}: another number of columns than the first line has")
                yield where, row
        except csv.Error as error:
            raise ValueError(f"{path}, line {rows.line_num}: {error}") from error


def _from_parquet(path: Path) -> Iterator[_Row]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import read_table as read_parquet
    except ImportError as error:
        raise ExtraMissing("Parquet files", "pyarrow", "data", error) from error
    try:
        rows = read_parquet(path).to_pylist()
    except (ArrowException, OSError) as error:
        raise ValueError(f"{path} is no Parquet file that can be read: {' '.join(str(error).split()):.200}") from error
    for number, row in enumerate(rows):
        yield f"{path}, row {number}", row


def _parsed(text: str, where: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: no valid JSON ({error.msg} {place.format(error=error)})") from error


def _object(row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ValueError(f"{where}: no JSON object")
    return row


_READERS: dict[str, Callable[[Path], Iterator[_Row]]] = {
    ".jsonl": _from_jsonl,
    ".json": _from_json,
    ".csv": _from_csv,
    ".parquet": _from_parquet,
}

TABLES = tuple(_READERS)
"""Endings of the files that `read_table` reads."""
