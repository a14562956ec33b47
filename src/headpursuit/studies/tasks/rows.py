"""Rows of a task's data: a file, a folder or a data set of the Hugging Face hub."""

from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any

from headpursuit.files import TABLES, Row, column, is_blank, read_table, text_of
from headpursuit.hub import data_set

_HUB = "hf:"


def read_rows(source: str, base: Path) -> list[Row]:
    """The rows of a task's data.

    Args:
        source: A file `.jsonl`, `.json`, `.csv`, `.tsv` or `.parquet`; a folder that the library `datasets` reads; or
            `hf:NAME`, `hf:NAME:CONFIG` or `hf:NAME:CONFIG:SPLIT`, a data set of the hub or a folder. CONFIG may be
            empty; SPLIT may be left out where there is one only.
        base: The folder that paths start from.

    Raises:
        ConnectionError: If the hub is out of reach.
        ExtraMissing: If the data need an optional package that is not installed.
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the data cannot be read or have no rows, or the split is missing; the text names those there are.
    """
    if source.startswith(_HUB):
        rows = _of_data_set(source, base)
    elif (base / source).is_dir():
        rows = _of_data_set(_HUB + source, base)
    elif (base / source).exists():
        rows = read_table(base / source)
    else:
        raise FileNotFoundError(
            f"there is no file or folder {base / source}; data are a file {', '.join(TABLES)}, a folder, "
            "or hf:NAME, a data set of the Hugging Face hub"
        )
    if not rows:
        raise ValueError(f"{source} has no rows")
    return rows


def filled(template: str, row: Mapping[str, Any], where: str) -> str:
    """A template of `str.format` with a row's values; `{prompt.text}` means the column `text` inside `prompt`.

    Args:
        template: The template.
        row: The values.
        where: The template's place, for errors.

    Raises:
        ValueError: If the template cannot be read, a column is missing (the text names those there are) or holds no
            text, or nothing comes out.
    """
    try:
        text = _Columns().vformat(template, (), row)
        if is_blank(text):
            raise ValueError(f"{cell(row)} would ask nothing")
    except (ValueError, LookupError, OverflowError) as error:
        raise ValueError(f"{where}: the template {template!r:.80} cannot be filled: {error}") from error
    return text


def text_in(row: Mapping[str, Any], name: str) -> str:
    """A row's text in a column.

    Raises:
        ValueError: If there is no such column, or it holds no text, or one of which nothing can be seen: in `.csv` that
            is what a missing cell looks like.
    """
    where = cell(row, name)
    text = text_of(column(row, name), where)
    if is_blank(text):
        raise ValueError(
            f"{where}: there is nothing ({text!a:.60}), where text belongs; fill it in, or leave the row out"
        )
    return text


def cell(row: Mapping[str, Any], name: str = "") -> str:
    """The place of a row, and the column."""
    where = str(getattr(row, "where", "a row"))
    return f"{where}, {name}" if name else where


class _Columns(Formatter):
    """Fields of a template are columns, where `Formatter` would look for attributes."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:  # noqa: ARG002
        text_in(kwargs, field_name)
        return column(kwargs, field_name), field_name


def _of_data_set(source: str, base: Path) -> list[Row]:
    name, config, split = _taken_apart(source, base)
    parts = data_set(name, config)
    if split is None and len(parts) > 1:
        raise ValueError(f"{name} has several splits: {', '.join(parts)}; name one, like {_HUB}NAME:CONFIG:SPLIT")
    split = split or next(iter(parts))
    if split not in parts:
        raise ValueError(f"{name} has no split {split!r}; it has {', '.join(parts)}")
    return [Row(values, f"{name}, {split}, row {number}") for number, values in enumerate(parts[split])]


def _taken_apart(source: str, base: Path) -> tuple[str, str | None, str | None]:
    """Name or folder, configuration and split."""
    given = source.removeprefix(_HUB)
    # A colon may belong to a path, as in C:\data.
    parts = given.split(":")
    for last in range(len(parts), 0, -1):
        folder = base / ":".join(parts[:last])
        if parts[0] and folder.is_dir():
            name, rest = str(folder), parts[last:]
            break
    else:
        name, rest = parts[0], parts[1:]
    if not name or len(rest) > 2:
        raise ValueError(f"{source!r} names no data set; write hf:NAME, hf:NAME:CONFIG or hf:NAME:CONFIG:SPLIT")
    config, split = [*(part or None for part in rest), None, None][:2]
    return name, config, split
