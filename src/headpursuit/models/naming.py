"""Errors that say which prompt they are about."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def naming_prompt(number: int) -> Iterator[None]:
    """Say in an error which prompt it is about, counted from 0."""
    try:
        yield
    except (OSError, ValueError) as error:
        kind = FileNotFoundError if isinstance(error, FileNotFoundError) else ValueError
        raise kind(f"prompt {number + 1}: {error}") from error
