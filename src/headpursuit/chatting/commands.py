"""The lines of a conversation: messages, and commands that begin with a slash."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from headpursuit.analysis import parse_heads, read_edit
from headpursuit.chatting.talk import Talk, Tell
from headpursuit.heads import Edit, edit_in_words

Say = Callable[[str], None]
"""A listener for what is not the model's: what a command did, or what an answer is."""


@dataclass(frozen=True)
class Command:
    """Something that is typed with a slash before it."""

    usage: str
    """The words to type."""
    help: str
    run: Callable[[Talk, str, Tell, Say], None]
    """Takes what stands behind its name."""


def obey(talk: Talk, line: str, tell: Tell, say: Say) -> None:
    """Do what a line asks for: a command, a message, or (an empty line) the comparison.

    Args:
        talk: The conversation.
        line: What was typed; a message that begins with a slash has two.
        tell: Called with every new piece of an answer.
        say: Called with all else, a line each.

    Raises:
        EOFError: If the conversation is to end.
        ValueError: If the line cannot be obeyed; the conversation is as before.
        OSError: If a file cannot be read.
    """
    text = line.strip()
    if not text:
        _compare(talk, "", tell, say)
        return
    if not text.startswith("/") or text.startswith("//"):
        if not talk.ask(text.removeprefix("/"), tell):
            say("(no answer)")
        return
    name, _, rest = text[1:].partition(" ")
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1)
        meant = f"did you mean /{near[0]}? " if near else ""
        raise ValueError(f"there is no command /{name}; {meant}/help lists them, and //{name} is a message")
    command = COMMANDS[name]
    if rest.strip() and " " not in command.usage:
        raise ValueError(f"/{name} takes nothing behind it, but {rest.strip()!r:.60} stands there")
    command.run(talk, rest.strip(), tell, say)


def described(talk: Talk) -> str:
    """The edit of a conversation, in a line."""
    if not talk.edit:
        return "no edit"
    where = "" if talk.edit.scope == "all" else f", positions: {talk.edit.scope}"
    return f"edit {'on' if talk.on else 'off'}: {edit_in_words(talk.edit)}{where}"


def _edit(talk: Talk, rest: str, _tell: Tell, say: Say) -> None:
    if rest:
        if Path(rest).is_file():
            saved = read_edit(rest)
            saved.check(talk.model)
            talk.put(saved.edit)
        else:
            talk.put(_typed(rest))
    say(described(talk))


def _typed(text: str) -> Edit:
    try:
        return Edit.uniform(parse_heads(text), -1)
    except ValueError as error:
        raise ValueError(f"{text!r:.60} is neither a file nor heads: {error}") from error


def _switch(on: bool) -> Callable[[Talk, str, Tell, Say], None]:
    def run(talk: Talk, _rest: str, _tell: Tell, say: Say) -> None:
        talk.switch(on)
        say(described(talk))

    return run


def _scale(talk: Talk, rest: str, _tell: Tell, say: Say) -> None:
    try:
        scale = float(rest)
    except ValueError:
        raise ValueError(f"{rest!r:.60} is no scale; write a number, like /scale -1 or /scale 0.5") from None
    talk.scale(scale)
    say(described(talk))


def _compare(talk: Talk, _rest: str, tell: Tell, say: Say) -> None:
    start = f"{'without' if talk.on else 'with'} the edit:"
    begun = False

    def told(piece: str) -> None:
        nonlocal begun
        if not begun:
            say(start)
        begun = True
        tell(piece)

    talk.compare(told)
    if not begun:
        say(f"{start} (nothing)")


def _system(talk: Talk, rest: str, _tell: Tell, say: Say) -> None:
    talk.system(rest)
    say("system prompt taken" if rest else "no system prompt of yours")


def _reset(talk: Talk, _rest: str, _tell: Tell, say: Say) -> None:
    n_said = talk.n_said
    talk.reset()
    say(f"{n_said} messages forgotten; {described(talk)}")


def _help(_talk: Talk, _rest: str, _tell: Tell, say: Say) -> None:
    for line in HELP:
        say(line)


def _quit(_talk: Talk, _rest: str, _tell: Tell, _say: Say) -> None:
    raise EOFError


COMMANDS: Mapping[str, Command] = {
    "edit": Command("/edit [FILE or heads]", "show the edit, or take another; heads get scale -1", _edit),
    "off": Command("/off", "answer without the edit from here on", _switch(False)),
    "on": Command("/on", "answer with the edit again", _switch(True)),
    "scale": Command("/scale X", "give all its heads one scale: -1 reverses, 0 removes, 5 enhances", _scale),
    "compare": Command("/compare", "the last message answered the other way; so does an empty line", _compare),
    "system": Command("/system [TEXT]", "take a system prompt, or none", _system),
    "reset": Command("/reset", "forget what was said; the edit stays", _reset),
    "help": Command("/help", "these lines", _help),
    "quit": Command("/quit", "end; so does Ctrl-D", _quit),
}
"""Commands by name."""

HELP = tuple(f"{each.usage:<22} {each.help}" for each in COMMANDS.values())
"""A line for each command."""
