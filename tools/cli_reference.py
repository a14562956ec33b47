"""The page "CLI", made from the command line's own parser: every command and option with its help and default."""

import inspect
from collections.abc import Iterator

import typer
from typer.main import get_command

from headpursuit.cli.app import app

INTRODUCTION = """# The command line

Made from the program itself when this site is built; `--help`, behind any command, prints the same. Mistakes in what is
asked for end in one line and exit code 2.
"""


def contexts() -> Iterator[typer.Context]:
    """The program, its commands in the order of `--help`, and behind each group the group's own commands."""
    yield from _with_commands(typer.Context(get_command(app), info_name="headpursuit"))


def _with_commands(context: typer.Context) -> Iterator[typer.Context]:
    yield context
    for name, command in getattr(context.command, "commands", {}).items():
        yield from _with_commands(typer.Context(command, parent=context, info_name=name))


def cli_reference() -> str:
    """The page as Markdown."""
    return "\n".join([INTRODUCTION, *(_section(context) for context in contexts())])


def _section(context: typer.Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    rows = [_row(*record) for p in command.params if (record := p.get_help_record(context))]
    table = ["| argument or option | what |", "| --- | --- |", *rows] if rows else []
    help_text = inspect.cleandoc(command.help or "")
    return "\n".join([f"## {context.command_path}", "", help_text, "", "```text", usage, "```", "", *table, ""])


def _row(names: str, what: str) -> str:
    return f"| `{' '.join(names.split())}` | {_outside_code(' '.join(what.split()))} |"


def _outside_code(text: str) -> str:
    """Bars escaped, except between backticks, where Python-Markdown would show the backslash."""
    return "`".join(part if i % 2 else part.replace("|", "\\|") for i, part in enumerate(text.split("`")))
