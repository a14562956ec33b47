"""Comma- and tab-separated tables, read strictly: no cell is dropped, and no quote swallows what follows it."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from headpursuit.files.cells import Row
from headpursuit.files.texts import opened, shown


def separated_rows(path: Path, delimiter: str) -> Iterator[Row]:
    """The rows of a table whose first line names its columns, read as they are asked for; blank lines are skipped.

    Cells may stand in quotes, which are doubled inside. The first column may be without a name, as pandas writes row
    numbers.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a row has another number of cells than the first line, a quote is not closed, a column has no
            name or two have the same, or it is not UTF-8 text; the text names the line.
    """
    with opened(path, newline="") as file:
        lines = _Lines(file, path)
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        names: list[str] = []
        while True:
            lines.begin()
            where = f"{path}, line {rows.line_num + 1}"
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                raise ValueError(_open_quote(error, lines.taken, rows.line_num, path, delimiter)) from error
            if not cells:
                continue
            if not names:
                names = _named(cells, where)
            elif len(cells) == len(names):
                yield Row(dict(zip(names, cells, strict=True)), where)
            else:
                raise ValueError(f"{where}: {_unequal(cells, names, delimiter)}")


class _Lines:
    """The lines of a file; those of the row that is being read are kept for the error."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._file, self._path, self._number = file, path, 0
        self.taken: list[str] = []

    def begin(self) -> None:
        self.taken = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._file)
        self._number += 1
        if "\0" in line:
            raise ValueError(
                f"{self._path}, line {self._number}: a NUL character, which no text has; is the file UTF-16?"
            )
        self.taken.append(line)
        return line


def _named(cells: Sequence[str], where: str) -> list[str]:
    """The columns' names, without space around them."""
    names = [cell.strip() for cell in cells]
    for number, name in enumerate(names, start=1):
        if names.index(name) + 1 < number:
            named = f"are both called {name!r}" if name else "have no names"
            raise ValueError(f"{where}: columns {names.index(name) + 1} and {number} {named}; give each its own")
        if not name and number > 1:
            raise ValueError(f"{where}: column {number} has no name; give it one, or take out the comma before it")
    other = next((sign for sign in (";", "\t", "|") if sign in names[0]), "") if len(names) == 1 else ""
    if other:
        raise ValueError(f"{where}: there is one column, {names[0]!r:.60}; separate columns by commas, not {other!r}")
    return names


def _unequal(cells: Sequence[str], names: Sequence[str], delimiter: str) -> str:
    sign = {"\t": "a tab"}.get(delimiter, "a comma")
    named = ", ".join(map(shown, names))
    said = f"another number of columns than the first line has ({len(cells)}, not {len(names)}: {named:.80})"
    if len(cells) < len(names):
        return f"{said}; is {sign} missing?"
    like = " ".join(delimiter.join(cells).split()) if len(names) == 1 else f"like{delimiter}this"
    return f'{said}; put a cell that holds {sign} into quotes: "{like:.80}"'


def _open_quote(error: csv.Error, taken: Sequence[str], last: int, path: Path, delimiter: str) -> str:
    """The place where the quote opened that a row's reader stumbled over."""
    opened_at, state = 0, "start"
    for number, line in enumerate(taken, start=last - len(taken) + 1):
        for sign in line:
            if sign == '"' and state in ("start", "closed"):
                # Behind a closing quote this is the second of two, and the cell goes on.
                opened_at = number if state == "start" else opened_at
                state = "quoted"
            elif state == "quoted":
                state = "closed" if sign == '"' else state
            else:
                state = "start" if sign in (delimiter, "\n", "\r") else "plain"
    where = f"{path}, line {opened_at or last}"
    if "field larger" in str(error):
        if state == "quoted":
            said, cure = "a quote that opens here encloses", "close it, or write the rows as .jsonl"
        else:
            said, cure = "a cell holds", "write the rows as .jsonl"
        return f"{where}: {said} more than {csv.field_size_limit():,} characters; {cure}"
    if state == "quoted":
        return f"{where}: a quote opens here and is never closed; close it, or double it where it is part of the text"
    if opened_at:
        return (
            f"{where}: more text follows a quote that opens here and closes in line {last}; double quotes inside a cell"
        )
    return f"{where}: {error}"
