"""Several things, as callers give them: one is a list of one, and what is something else is named."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from os import PathLike
from types import UnionType
from typing import Any

from headpursuit.files import check_text


def listed(given: Any, what: str, kind: type | UnionType, wanted: str) -> tuple[Any, ...]:
    """Things in the order given.

    Args:
        given: One thing, or an iterable of some: a list, a generator, a column of numpy or pandas.
        what: What one of them is called, such as `prompt`.
        kind: The types that one may have.
        wanted: What to give instead, in words, such as `a text or a list of texts`.

    Raises:
        TypeError: If it is no such thing, or one of them is not; the text has its number (from 1) and its type.
        ValueError: If there are none, or a text holds what no text can: half a character, or NUL.
    """
    found = tuple(each(given, what, kind, wanted))
    if not found:
        raise ValueError(f"there are no {what}s; give {wanted}")
    return found


def collected(given: Any, what: str, kind: type | UnionType, wanted: str) -> Collection[Any]:
    """`listed`, but a collection that makes its things when it is gone through stays as it is, unchecked.

    The arguments and errors are those of `listed`.
    """
    is_list = isinstance(given, str | list | tuple | bytes | Mapping | Set) or hasattr(given, "ndim")
    if isinstance(given, Collection) and not is_list:
        return given
    return listed(given, what, kind, wanted)


def each(given: Any, what: str, kind: type | UnionType, wanted: str) -> Iterator[Any]:
    """`listed` one by one; none is no error."""
    if isinstance(given, kind):
        given = (given,)
    # A table gives its columns' names, and bytes and letters are numbers and texts of their own.
    refused = isinstance(given, str | bytes | bytearray | PathLike | Mapping | Set) or getattr(given, "ndim", 1) != 1
    if refused or not isinstance(given, Iterable):
        raise TypeError(f"the {what}s are {_described(given)}; give {wanted}")
    for number, one in enumerate(given, start=1):
        if not isinstance(one, kind):
            raise TypeError(f"{what} {number} is {_described(one)}; give {wanted}")
        if isinstance(one, str):
            check_text(one, f"{what} {number}")
        yield one


def _described(value: Any) -> str:
    """A value in one short line, with its type."""
    if value is None:
        return "None"
    if getattr(value, "ndim", 1) != 1:
        return f"a {type(value).__name__} of {value.ndim} dimensions"
    kind = type(value).__name__
    shown = " ".join(f"{value!r:.40}".split())
    return f"of type {kind} ({shown})"
