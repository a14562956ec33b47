"""Read prompts from a file."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path


def read_prompts(path: Path | str) -> list[str]:
    """Read prompts from `.jsonl` (key `prompt`), `.csv` (column `prompt`) or `.txt` (one a line).

    Blank lines are skipped. Other keys and columns are ignored.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: An unknown kind of file, nothing in it, or a line that is no prompt; the text names the line.
    """
    file = Path(path)
    readers = {".jsonl": _from_jsonl, ".csv": _from_csv, ".txt": _from_txt}
    if file.suffix not in readers:
        raise ValueError(f"{file} is no {', '.join(readers)} file")
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    prompts = []
    for line, prompt in readers[file.suffix](text, file):
        if not isinstance(prompt, str) or not prompt.strip():
            raise ValueError(f"{file}, line {line}: the prompt is empty or no text")
        prompts.append(prompt)
    if not prompts:
        raise ValueError(f"{file} holds no prompts")
    return prompts


def _from_txt(text: str, _: Path) -> Iterator[tuple[int, object]]:
    return ((number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), start=1) if line.strip())


def _from_jsonl(text: str, file: Path) -> Iterator[tuple[int, object]]:
    for number, line in _from_txt(text, file):
        try:
            row = json.loads(str(line))
        except json.JSONDecodeError as error:
            raise ValueError(f"{file}, line {number}: no valid JSON ({error.msg} at column {error.colno})") from error
        if not isinstance(row, dict) or "prompt" not in row:
            raise ValueError(f'{file}, line {number}: no JSON object with the key "prompt"')
        yield number, row["prompt"]


def _from_csv(text: str, file: Path) -> Iterator[tuple[int, object]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if "prompt" not in (rows.fieldnames or ()):
        found = ", ".join(rows.fieldnames or ()) or "nothing"
        raise ValueError(f"{file} has no column named prompt in its first line (found {found})")
    try:
        yield from ((rows.line_num, row["prompt"]) for row in rows)
    except csv.Error as error:
        raise ValueError(f"{file}, line {rows.line_num}: {error}") from error
