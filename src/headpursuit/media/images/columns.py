"""Columns of a table of images, and what they mean."""

from collections.abc import Iterable
from typing import Any

from headpursuit.files import check_text, is_blank, shown
from headpursuit.words import compared

FILE = ("file_name", "image_path", "image", "filename", "path")
LABEL = ("label", "labels", "class", "category", "target", "fine_label")
CAPTION = ("captions", "caption", "sentences", "text", "answer")
SPLIT = ("split",)


def column(columns: Iterable[str], names: Iterable[str]) -> str | None:
    """The first of these names that is a column."""
    present = set(columns)
    return next((name for name in names if name in present), None)


def no_column(where: str, what: str, names: Iterable[str], columns: Iterable[str]) -> ValueError:
    """The error for a missing column, which names those there are."""
    there = ", ".join(map(shown, columns)) or "none"
    return ValueError(f"{where} has no column with {what} (expected {' or '.join(names)}); it has {there}")


def captions_of(value: Any, where: str) -> tuple[str, ...]:
    """One caption or several; blank ones are dropped.

    Raises:
        ValueError: If it is something else, or holds what no text can.
    """
    several = [] if value is None else value if isinstance(value, list | tuple) else [value]
    for caption in several:
        if not isinstance(caption, str):
            raise ValueError(f"{where}: a caption is a string or a list of strings, not {caption!r:.80}")
        check_text(caption, f"{where}, caption")
    return tuple(" ".join(caption.split()) for caption in several if compared(caption))


def label_of(value: Any, where: str) -> str:
    """A label as text.

    Raises:
        ValueError: If there is none.
    """
    if isinstance(value, bool) or not isinstance(value, str | int) or is_blank(str(value)):
        raise ValueError(f"{where}: a label is a word or a whole number, not {value!r:.80}")
    check_text(str(value), f"{where}, label")
    return str(value).strip()
