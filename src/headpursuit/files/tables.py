"""Rows of a file: `.jsonl`, `.json`, `.csv`, `.tsv` or `.parquet`."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from headpursuit.extras import optional
from headpursuit.files.cells import Row
from headpursuit.files.objects import parse_json
from headpursuit.files.separated import separated_rows
from headpursuit.files.texts import lines_of, read_text, refuse_pointer


def read_table(path: Path) -> list[Row]:
    """All rows of a file; as `rows_of`."""
    return list(rows_of(path))


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of a file, each with the words that say where it stands, read as they are asked for.

    Of `.jsonl`, `.csv` and `.tsv` a row is in memory at a time, of `.parquet` a group of rows, of `.json`, which holds
    a list of objects, all. In `.csv` and `.tsv` all values are text.

    Args:
        path: A file that ends in one of `TABLES`, in capitals or not.

    Raises:
        ExtraMissing: If a `.parquet` file needs the package pyarrow and it is not installed.
        FileNotFoundError: If there is no such file.
        ValueError: If the ending is another, a row cannot be read, or the file is not UTF-8.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise ValueError(f"{path} ends in {path.suffix or 'nothing'!r}; a table is a file {', '.join(TABLES)}")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    return read(path)


def _from_jsonl(path: Path) -> Iterator[Row]:
    for number, line in lines_of(path):
        if line.strip():
            where = f"{path}, line {number}"
            yield _row(_parsed(line, where, "at column {error.colno}"), where)


def _from_json(path: Path) -> Iterator[Row]:
    rows = _parsed(read_text(path), str(path), "at line {error.lineno}, column {error.colno}")
    if not isinstance(rows, list):
        raise ValueError(f'{path} holds no list of objects; write one, like [{{"column": "text"}}]')
    for number, row in enumerate(rows):
        yield _row(row, f"{path}, row {number}")


def _from_parquet(path: Path) -> Iterator[Row]:
    """Checksums of pages are verified where there are any."""
    parquet, pyarrow = optional("pyarrow.parquet"), optional("pyarrow")
    refuse_pointer(path)
    number = 0
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            names = file.schema_arrow.names
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise _TwoColumns(f"{path}: two columns are called {twice!r}; give each its own name")
            for batch in file.iter_batches():
                for values in batch.to_pylist():
                    yield Row(values, f"{path}, row {number}")
                    number += 1
    except _TwoColumns:
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is no Parquet file that can be read: {reason:.200}") from error


class _TwoColumns(ValueError):
    """A complaint that is complete."""


def _parsed(text: str, where: str, place: str) -> Any:
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: no valid JSON ({error.msg} {place.format(error=error)})") from error
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _row(values: Any, where: str) -> Row:
    if not isinstance(values, dict):
        raise ValueError(f'{where}: no JSON object; write one, like {{"column": "text"}}')
    return Row(values, where)


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _from_jsonl,
    ".json": _from_json,
    ".csv": partial(separated_rows, delimiter=","),
    ".tsv": partial(separated_rows, delimiter="\t"),
    ".parquet": _from_parquet,
}

TABLES = tuple(_READERS)
"""Endings of the files that `rows_of` reads."""
