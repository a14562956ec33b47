"""Read prompts from a file as it is gone through, so that a million need no more memory than one; or from media."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headpursuit.conversations import Conversation
from headpursuit.files import TABLES, Row, check_text, column, is_blank, lines_of, rows_of
from headpursuit.media import (
    AUDIO,
    IMAGE,
    MODALITIES,
    MediaPrompt,
    Modality,
    Prompt,
    Source,
    media_sources,
    prompt_about,
)

PROMPT, MESSAGES = "prompt", "messages"
"""The columns that are read, beside those of the modalities (`image_path`, `audio_path`)."""


@dataclass(frozen=True)
class PromptFile(Collection[Prompt]):
    """The prompts of a file that was read once to check and count them."""

    path: Path
    n_prompts: int
    column: str | None = None
    """Their column; None for `prompt`, or `messages` where there is no `prompt`."""

    def __len__(self) -> int:
        return self.n_prompts

    def __iter__(self) -> Iterator[Prompt]:
        return _prompts(self.path, self.column)

    def __contains__(self, prompt: object) -> bool:
        return any(prompt == other for other in self)


def read_prompts(path: Path | str, column: str | None = None) -> PromptFile:
    """Read prompts from a table (`.jsonl .json .csv .tsv .parquet`), or from a `.txt` file, one a line.

    Their column is `prompt`; rows without one may have `messages`, a list of `{"role": ..., "content": ...}` that ends
    before the model's turn, for `chat`. A column `image_path` or `audio_path` that is not empty names the image or the
    sound that a prompt is about: a path, or one that starts in the file's own folder. The prompt may be missing there,
    for models whose encoder reads no text. Images and sounds are not opened here. Blank lines are skipped. Other
    columns, such as `label`, are ignored.

    Args:
        path: The file.
        column: Another column than these, of prompts or messages; `a.b` means `b` inside `a`.

    Raises:
        ExtraMissing: If a `.parquet` file needs the package pyarrow and it is not installed.
        FileNotFoundError: If there is no such file.
        ValueError: An unknown kind of file, nothing in it, or a row that is no prompt; the text names the row.
    """
    if not isinstance(path, str | Path):
        raise TypeError(
            f"prompts are read from a file, but a {type(path).__name__} was given; prompts that are there already need "
            "no reading: capture, answer and effects take them as they are"
        )
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    is_text = file.suffix.lower() == ".txt"
    if not is_text and file.suffix.lower() not in TABLES:
        raise ValueError(f"{file} is no {', '.join(TABLES)}, .txt file")
    if is_text and column is not None:
        raise ValueError(f"{file} has no columns, as every line is a prompt; leave the column {column!r} out")
    n_prompts = sum(1 for _ in _prompts(file, column))
    if n_prompts == 0:
        raise ValueError(f"{file} holds no prompts")
    return PromptFile(file, n_prompts, column)


@dataclass(frozen=True)
class OneQuestion(Collection[MediaPrompt]):
    """The same question about every image, or about every sound; or none."""

    modality: Modality
    sources: tuple[Source, ...]
    question: str

    def __len__(self) -> int:
        return len(self.sources)

    def __iter__(self) -> Iterator[MediaPrompt]:
        return (prompt_about(self.modality, self.question, source) for source in self.sources)

    def __contains__(self, prompt: object) -> bool:
        return any(prompt == other for other in self)


def ask_about(source: Path | str, question: str) -> OneQuestion:
    """Ask the same about every image of a source; or about every sound, where there are no images.

    Args:
        source: A folder, with its sub-folders, in the order of the files' names; or `hf:NAME` or `hf:NAME:SPLIT`, a
            data set of the Hugging Face hub that has a column of images or of sounds.
        question: What is asked.

    Raises:
        ExtraMissing: If a data set needs the library `datasets` and it is not installed.
        FileNotFoundError: If there is no such folder.
        ValueError: If there is neither image nor sound, or the question is empty.
    """
    check_text(question, "the question about the images")
    if is_blank(question):
        raise ValueError("the question about the images is empty")
    modality, sources = media_sources(str(source), MODALITIES)
    return OneQuestion(modality, tuple(sources), question)


def all_sounds(source: Path | str) -> OneQuestion:
    """Every sound of a source as a prompt without a question, for models that write what they hear.

    Args:
        source: As in `ask_about`.

    Raises:
        ExtraMissing: If a data set needs the library `datasets` and it is not installed.
        FileNotFoundError: If there is no such folder.
        ValueError: If there is no sound.
    """
    _, sources = media_sources(str(source), (AUDIO,))
    return OneQuestion(AUDIO, tuple(sources), "")


def _prompts(file: Path, name: str | None) -> Iterator[Prompt]:
    if file.suffix.lower() == ".txt":
        return (line for _, line in lines_of(file) if not is_blank(line))
    return (_prompt(row, name, file.parent) for row in rows_of(file))


def _prompt(row: Row, name: str | None, folder: Path) -> Prompt:
    asked = name or (MESSAGES if MESSAGES in row and PROMPT not in row else PROMPT)
    found = {modality: path for modality in MODALITIES if (path := _path(row, modality.column))}
    if len(found) > 1:
        raise ValueError(f"{row.where}: it has {' and '.join(one.column for one in found)}; a prompt has one of them")
    modality, path = next(iter(found.items()), (None, ""))
    if modality is not None and is_blank(str(row.get(asked) or "")) and (modality is AUDIO or asked not in row):
        return prompt_about(modality, "", folder / path)
    given = _asked(row, asked, named=name is not None)
    if isinstance(given, str):
        check_text(given, f"{row.where}, {asked}")
        if not is_blank(given):
            return prompt_about(modality, given, folder / path) if modality else given
    if not isinstance(given, list):
        raise ValueError(f"{row.where}: the {asked} is empty or no text ({given!a:.60}); write it, or take the row out")
    if modality is not None:
        what = f"{'an' if modality is IMAGE else 'a'} {modality.noun}"
        raise ValueError(f"{row.where}: messages with {what} cannot be read; give {PROMPT} and {modality.column}")
    try:
        return Conversation.of(given)
    except ValueError as error:
        raise ValueError(f"{row.where}, {asked}: {error}") from error


def _asked(row: Mapping[str, Any], asked: str, *, named: bool) -> Any:
    try:
        return column(row, asked)
    except ValueError as error:
        raise ValueError(f"{error}" if named else f"{error}; name the column with the prompts (`column`)") from error


def _path(row: Row, name: str) -> str:
    """The path of a row's image or sound, or nothing."""
    found = row.get(name)
    if not isinstance(found, str | None):
        raise ValueError(f"{row.where}: {name} is {found!r:.60}, not a path")
    check_text(found or "", f"{row.where}, {name}")
    return found if found and found.strip() else ""
