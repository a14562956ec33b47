"""Whether a command line of the documentation names a command and options that exist; nothing is run."""

import re
import shlex

import typer
from typer.main import get_command

from headpursuit.cli.app import app

_ENDS = ("|", "||", "&&", ";", "&", ">", ">>", "done")


def commands_in(script: str) -> list[list[str]]:
    """What stands behind `headpursuit` in each command of a shell script."""
    found = []
    for line in re.sub(r"\\\n", " ", script).splitlines():
        words = shlex.split(line, comments=True)
        while "headpursuit" in words:
            words = words[words.index("headpursuit") + 1 :]
            end = next((i for i, word in enumerate(words) if word in _ENDS), len(words))
            found.append(words[:end])
    return found


def complaint(words: list[str], whole: bool = True) -> str:
    """What is wrong with the words behind `headpursuit`; empty if nothing is.

    Brackets of synopses are looked through. `whole` says that what a command needs must be there.
    """
    words = [word for word in (w.strip("[]") for w in words) if word]
    context = typer.Context(get_command(app), info_name="headpursuit")
    while commands := getattr(context.command, "commands", {}):
        usual = getattr(context.command, "usual", "")  # `atlas CAPTURE` is `atlas build CAPTURE`
        if not words or (words[0].startswith("--") and not usual):
            whole = False
            break
        name = words.pop(0) if words[0] in commands else usual
        if name not in commands:
            return f"{context.command_path} has no command {words[0]}"
        context = typer.Context(commands[name], parent=context, info_name=name)
    try:
        given, left, _ = context.command.make_parser(context).parse_args(words)
    except Exception as error:  # the class is private to typer
        return f"{context.command_path}: {error}"
    missing = [p.name for p in context.command.params if p.required and given.get(p.name) is None and whole]
    if missing or (left and whole):
        return f"{context.command_path}: " + (f"{missing} missing" if missing else f"{left} is too much")
    return ""
