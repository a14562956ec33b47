"""Rows of tables, and what of their values is text."""

import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from headpursuit.files.texts import check_text, shown


class Row(dict[str, Any]):
    """One row by column, which knows where it stands."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        super().__init__(values)
        self.where = where


def column(row: Mapping[str, Any], name: str) -> Any:
    """A row's value in a column; `answer.aliases` means the column `aliases` inside `answer`.

    Raises:
        ValueError: If there is no such column; the text names those there are, and the one that may be meant.
    """
    if name in row:
        return row[name]
    found: Any = row
    parts = name.split(".")
    for depth, part in enumerate(parts):
        if not isinstance(found, Mapping) or part not in found:
            there = (
                ", ".join(map(shown, found)) or "nothing"
                if isinstance(found, Mapping)
                else f"{found!r:.60}, which has no columns"
            )
            inside = f"in {'.'.join(parts[:depth])!r} there is" if depth else "there is"
            close = get_close_matches(part, map(str, found), 1) if isinstance(found, Mapping) else []
            meant = f"; did you mean {'.'.join([*parts[:depth], *close])!r}?" if close else ""
            raise ValueError(
                f"{getattr(row, 'where', 'a row')}: there is no column {name!r}; {inside} {there:.300}{meant}"
            )
        found = found[part]
    return found


def text_of(value: Any, where: str) -> str:
    """A cell as text: text as it is, and whole numbers, which are spelled in one way only.

    Args:
        value: What the cell holds.
        where: Its row and column, for the error.

    Raises:
        ValueError: If it is something else: missing (null, not a number), a fraction, true or false, bytes, a list, an
            object; or text that no text file can hold.
    """
    if isinstance(value, str):
        check_text(value, where)
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    what = "nothing" if missing else _KINDS.get(type(value), "no text")
    remedy = "fill it in, or leave the row out" if missing else _remedy(value)
    raise ValueError(f"{where}: there is {what} ({value!r:.60}), where text belongs; {remedy}")


_KINDS = {
    bool: "true or false",
    float: "a fraction",
    bytes: "bytes",
    list: "a list",
    tuple: "a list",
    dict: "an object",
}


def _remedy(value: Any) -> str:
    if isinstance(value, bool | float):
        return "write it in quotes, as it should be read"
    if isinstance(value, Mapping):
        return f"name what is meant inside it with a dot ({', '.join(map(shown, value)):.100})"
    return "write it as text"
