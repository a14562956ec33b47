"""The voice of the command line: errors in one line, progress on stderr, tables on stdout."""

import functools
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, get_type_hints

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from typer.models import OptionInfo

from headpursuit.user_errors import Note, user_errors

F = TypeVar("F", bound=Callable[..., Any])

_FIRST = os.environ.get("RANK", "0") == "0"
"""Of several processes (`torchrun`), only the first one speaks, except about errors."""

out = Console(highlight=False, quiet=not _FIRST)
notes = Console(stderr=True, highlight=False)


def one_line_errors(command: F) -> F:
    """End a command with one clear line: exit code 2 for what the user can mend, 130 for Ctrl-C."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            with _told_notes(lambda text: with_flags(text, _flags_of(command, kwargs))):
                return command(*args, **kwargs)
        except KeyboardInterrupt:
            fail("interrupted; nothing half-written is left (a capture or study goes on with --resume)", 130)
        except Exception as error:
            if not isinstance(error, user_errors()) and _OUT_OF_MEMORY not in str(error):
                raise
            short = _OUT_OF_MEMORY in str(error) or type(error).__name__ == "OutOfMemoryError"
            advice = "; a smaller --batch-size, fewer --samples or another --dtype need less" if short else ""
            text = (str(error) or type(error).__name__) + advice
            fail(with_flags(text, _flags_of(command, kwargs)), 2)

    return run  # type: ignore[return-value]


def with_flags(text: str, flags: Mapping[str, str]) -> str:
    """The library's words with flags for arguments: `scale` becomes --scale, and `chat=True` becomes --chat.

    Args:
        text: Names of arguments stand between backticks; those with a value beside them always become flags.
        flags: Of the arguments that have one.
    """

    def flag(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        known = flags.get(name) or (f"--{name.replace('_', '-')}" if value else found[0])
        if value == "False":
            return f"--no-{known.removeprefix('--')}"
        return known if value in (None, "True") else f"{known} {value}"

    return re.sub(r"`(?P<name>[a-z][a-z_]*)(?:=(?P<value>[^`]+))?`", flag, text)


def _flags_of(command: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, str]:
    """The flags of a command, by the arguments that they are of: its own, and those made of settings."""
    own = get_type_hints(command, include_extras=True).items()
    infos = {name: kind for name, hint in own for kind in getattr(hint, "__metadata__", ())}
    flags = {name: f"--{name.replace('_', '-')}" for name, kind in infos.items() if isinstance(kind, OptionInfo)}
    made = given["ctx"].command.params if "ctx" in given else ()
    return flags | {each.name: each.opts[0] for each in made if each.param_type_name == "option"}


@contextmanager
def _told_notes(in_words: Callable[[str], str]) -> Iterator[None]:
    """Say each of the library's notes once, in a line on stderr; other warnings stay as they are."""
    told, shown = set[str](), warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **others: Any) -> None:
        if not issubclass(category, Note):
            shown(message, category, *place, **others)
        elif str(message) not in told:
            told.add(str(message))
            notes.print(Text(f"note: {visible(in_words(str(message)))}"), soft_wrap=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", Note)
        warnings.showwarning = show
        yield


_OUT_OF_MEMORY = "can't allocate memory"
"""Torch's words for too little main memory, in a plain RuntimeError."""


def fail(message: str, code: int) -> None:
    """End the program with one line on stderr."""
    line = " ".join(message.split())
    notes.print(Text(f"headpursuit: {visible(line)}"), soft_wrap=True)
    raise typer.Exit(code)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar per stage, on stderr."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=notes, disable=not _FIRST) as bars:
        stages: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=total)
            bars.update(stages[stage], completed=done, total=total)

        yield advance


def say(text: str, style: str = "") -> None:
    """One line on stdout, never broken: paths in it can be copied and parsed."""
    out.print(visible(text), markup=False, soft_wrap=True, style=style)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table; columns whose name starts with `>` are right-aligned."""
    say(title, "bold")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in columns:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    out.print(table)


def visible(text: str) -> str:
    """Text that cannot steer a terminal: what cannot be printed, line breaks apart, becomes its code point's number."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def in_bytes(size: int) -> str:
    """Such as `7.8 KB` or `541.6 MB`."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} KB"


def quoted(tokens: Iterable[str]) -> str:
    """Tokens with their spaces visible."""
    return " ".join(repr(token) for token in tokens)
