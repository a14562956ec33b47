"""Command lines that cannot be read, refused in one line that names what was meant."""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import typer
from typer.core import TyperGroup

from headpursuit.cli.console import fail

_USAGE: Any = typer.BadParameter.__mro__[1]
"""The class of all mistakes in a command line; Typer keeps it to itself."""


class OneLineGroup(TyperGroup):
    """The group of all commands, which refuses a command line in one line, with exit code 2."""

    def make_context(self, *given: Any, **others: Any) -> Any:
        """The context, once flags before the command's name are read."""
        with _in_one_line():
            return super().make_context(*given, **others)

    def invoke(self, ctx: Any) -> Any:
        """Reads the rest, and runs the command."""
        with _in_one_line():
            return super().invoke(ctx)


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except _USAGE as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        fail(_reason(error), 2)


def _reason(error: Any) -> str:
    names: list[str] = []
    ctx = error.ctx
    while ctx is not None and ctx.parent is not None:
        names, ctx = [ctx.info_name, *names], ctx.parent
    command = " ".join(names)
    more = f"; see `{' '.join(['headpursuit', *names])} --help`" if ctx is not None else ""
    if hasattr(error, "option_name") and hasattr(error, "possibilities"):
        return _unknown(error, command or "headpursuit", ctx, more)
    if hasattr(error, "param_type"):
        missing = error.param
        name = missing.opts[0] if missing.param_type_name == "option" else missing.metavar or missing.name.upper()
        return f"{command or 'headpursuit'} needs {name}{more}"
    told = error.format_message().rstrip(".").replace("Value error, ", "")
    return f"{command}{': ' if command else ''}{told[:1].lower()}{told[1:]}{more}"


def _unknown(error: Any, command: str, root: Any, more: str) -> str:
    """An unknown flag, and the nearest one that the command has."""
    told = f"{command} has no flag {error.option_name}"
    if error.option_name in _flags(root):
        return f"{told}; it stands before the command: headpursuit {error.option_name} ... {command}"
    close = get_close_matches(error.option_name.replace("_", "-"), _flags(error.ctx), 1)
    return f"{told}; did you mean {close[0]}?" if close else f"{told}{more}"


def _flags(ctx: Any) -> list[str]:
    return [
        flag for each in ctx.command.get_params(ctx) for flag in (*each.opts, *each.secondary_opts) if flag[0] == "-"
    ]
