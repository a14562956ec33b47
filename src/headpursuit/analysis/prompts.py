"""Read prompts from a file as it is gone through, so that a million need no more memory than one; or from images."""

import csv
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeAlias

from headpursuit.images import ImagePrompt, ImageSource, Prompt, image_sources

Row: TypeAlias = tuple[int, object, object]
"""Number of a line, and what it says is the prompt and the path of its image."""


@dataclass(frozen=True)
class PromptFile(Collection[Prompt]):
    """The prompts of a file that was read once to check and count them."""

    path: Path
    n_prompts: int

    def __len__(self) -> int:
        return self.n_prompts

    def __iter__(self) -> Iterator[Prompt]:
        return _prompts(self.path)

    def __contains__(self, prompt: object) -> bool:
        return any(prompt == other for other in self)


def read_prompts(path: Path | str) -> PromptFile:
    """Read prompts from `.jsonl` (key `prompt`), `.csv` (column `prompt`) or `.txt` (one a line).

    A key or column `image_path` that is not empty names the image a prompt is about: a path, or one that starts in the
    file's own folder. Images are not opened here. Blank lines are skipped. Other keys and columns, such as `label`, are
    ignored.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: An unknown kind of file, nothing in it, or a line that is no prompt; the text names the line.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    if file.suffix not in _READERS:
        raise ValueError(f"{file} is no {', '.join(_READERS)} file")
    n_prompts = sum(1 for _ in _prompts(file))
    if n_prompts == 0:
        raise ValueError(f"{file} holds no prompts")
    return PromptFile(file, n_prompts)


@dataclass(frozen=True)
class OneQuestion(Collection[ImagePrompt]):
    """The same question about every image."""

    images: tuple[ImageSource, ...]
    question: str

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[ImagePrompt]:
        return (ImagePrompt(self.question, image) for image in self.images)

    def __contains__(self, prompt: object) -> bool:
        return any(prompt == other for other in self)


def ask_about(source: Path | str, question: str) -> OneQuestion:
    """Ask the same about every image of a source.

    Args:
        source: A folder, with its sub-folders, in the order of the files' names; or `hf:NAME` or `hf:NAME:SPLIT`, a
            data set of the Hugging Face hub that has a column of images.
        question: What is asked.

    Raises:
        ExtraMissing: If a data set needs the library `datasets` and it is not installed.
        FileNotFoundError: If there is no such folder.
        ValueError: If there is no image, or the question is empty.
    """
    if not question.strip():
        raise ValueError("the question about the images is empty")
    return OneQuestion(tuple(image_sources(str(source))), question)


def _prompts(file: Path) -> Iterator[Prompt]:
    try:
        with file.open(encoding="utf-8-sig", newline="" if file.suffix == ".csv" else "\n") as lines:
            for number, prompt, image in _READERS[file.suffix](lines, file):
                if not isinstance(prompt, str) or not prompt.strip():
                    raise ValueError(f"{file}, line {number}: the prompt is empty or no text")
                if not isinstance(image, str | None):
                    raise ValueError(f"{file}, line {number}: image_path is {image!r}, not a path")
                yield ImagePrompt(prompt, file.parent / image) if image and image.strip() else prompt
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error


def _from_txt(lines: TextIO, _: Path) -> Iterator[Row]:
    return ((number, line.rstrip("\r\n"), None) for number, line in enumerate(lines, start=1) if line.strip())


def _from_jsonl(lines: TextIO, file: Path) -> Iterator[Row]:
    for number, line, _ in _from_txt(lines, file):
        try:
            row = json.loads(str(line))
        except json.JSONDecodeError as error:
            raise ValueError(f"{file}, line {number}: no valid JSON ({error.msg} at column {error.colno})") from error
        if not isinstance(row, dict) or "prompt" not in row:
            raise ValueError(f'{file}, line {number}: no JSON object with the key "prompt"')
        yield number, row["prompt"], row.get("image_path")


def _from_csv(lines: TextIO, file: Path) -> Iterator[Row]:
    rows = csv.DictReader(lines)
    if "prompt" not in (rows.fieldnames or ()):
        found = ", ".join(rows.fieldnames or ()) or "nothing"
        raise ValueError(f"{file} has no column named prompt in its first line (found {found})")
    try:
        yield from ((rows.line_num, row["prompt"], row.get("image_path")) for row in rows)
    except csv.Error as error:
        raise ValueError(f"{file}, line {rows.line_num}: {error}") from error


_READERS = {".jsonl": _from_jsonl, ".csv": _from_csv, ".txt": _from_txt}
