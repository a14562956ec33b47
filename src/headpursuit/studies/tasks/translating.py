"""Sentences that are read and written in another language: a table of sentences and their translations."""

from collections.abc import Iterator
from pathlib import Path

from headpursuit.concepts import load_concept
from headpursuit.files import read_table
from headpursuit.studies.tasks.restating import Restated, given_split, restating
from headpursuit.studies.tasks.rows import text_in
from headpursuit.studies.tasks.task import Task

TRANSLATION = "translation"
"""The task of writing what is read in another language."""

_SOURCE, _TARGET = "source", "target"


def translation(concept: str, data: str) -> Task:
    """The task of translating sentences that hold a word of a concept.

    Args:
        concept: Words in the language that is written: a built-in name, or a file.
        data: A table with the columns `source`, as the model reads it (with a prefix if it needs one), and `target`;
            maybe `split`. Sentences without a word of the concept measure damage.

    Raises:
        FileNotFoundError: If the table or the concept is missing.
        ValueError: If no table is named, it cannot be read, or has too few sentences of a kind.
    """
    if not data:
        raise ValueError(
            f"translation needs sentences: a table with the columns {_SOURCE} and {_TARGET}; name it with `data`"
        )
    return restating(TRANSLATION, _translated(Path(data)), load_concept(concept), data)


def _translated(table: Path) -> Iterator[Restated]:
    if not table.is_file():
        raise FileNotFoundError(
            f"there is no table {table}; translation needs one with the columns {_SOURCE} and {_TARGET}"
        )
    for row in read_table(table):
        yield Restated(text_in(row, _SOURCE), text_in(row, _TARGET), split=given_split(row))
