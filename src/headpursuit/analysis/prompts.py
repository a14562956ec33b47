"""Read prompts from a file, as it is gone through: a million prompts need no more memory than one."""

import csv
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO


@dataclass(frozen=True)
class PromptFile(Collection[str]):
    """The prompts of a file that was read once to check and count them."""

    path: Path
    n_prompts: int

    def __len__(self) -> int:
        return self.n_prompts

    def __iter__(self) -> Iterator[str]:
        return _prompts(self.path)

    def __contains__(self, prompt: object) -> bool:
        return any(prompt == other for other in self)


def read_prompts(path: Path | str) -> PromptFile:
    """Read prompts from `.jsonl` (key `prompt`), `.csv` (column `prompt`) or `.txt` (one a line).

    Blank lines are skipped. Other keys and columns are ignored.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: An unknown kind of file, nothing in it, or a line that is no prompt; the text names the line.
    """
    file = Path(path)
    if file.suffix not in _READERS:
        raise ValueError(f"{file} is no {', '.join(_READERS)} file")
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    n_prompts = sum(1 for _ in _prompts(file))
    if n_prompts == 0:
        raise ValueError(f"{file} holds no prompts")
    return PromptFile(file, n_prompts)


def _prompts(file: Path) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8-sig", newline="" if file.suffix == ".csv" else "\n") as lines:
            for number, prompt in _READERS[file.suffix](lines, file):
                if not isinstance(prompt, str) or not prompt.strip():
                    raise ValueError(f"{file}, line {number}: the prompt is empty or no text")
                yield prompt
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error


def _from_txt(lines: TextIO, _: Path) -> Iterator[tuple[int, object]]:
    return ((number, line.rstrip("\r\n")) for number, line in enumerate(lines, start=1) if line.strip())


def _from_jsonl(lines: TextIO, file: Path) -> Iterator[tuple[int, object]]:
    for number, line in _from_txt(lines, file):
        try:
            row = json.loads(str(line))
        except json.JSONDecodeError as error:
            raise ValueError(f"{file}, line {number}: no valid JSON ({error.msg} at column {error.colno})") from error
        if not isinstance(row, dict) or "prompt" not in row:
            raise ValueError(f'{file}, line {number}: no JSON object with the key "prompt"')
        yield number, row["prompt"]


def _from_csv(lines: TextIO, file: Path) -> Iterator[tuple[int, object]]:
    rows = csv.DictReader(lines)
    if "prompt" not in (rows.fieldnames or ()):
        found = ", ".join(rows.fieldnames or ()) or "nothing"
        raise ValueError(f"{file} has no column named prompt in its first line (found {found})")
    try:
        yield from ((rows.line_num, row["prompt"]) for row in rows)
    except csv.Error as error:
        raise ValueError(f"{file}, line {rows.line_num}: {error}") from error


_READERS = {".jsonl": _from_jsonl, ".csv": _from_csv, ".txt": _from_txt}
