"""chat: a conversation in the terminal, in which the edit is switched."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from headpursuit.cli import options
from headpursuit.cli.console import notes, one_line_errors, visible
from headpursuit.cli.editing import edit_from
from headpursuit.cli.opening import open_model
from headpursuit.user_errors import user_errors

if TYPE_CHECKING:
    from headpursuit.chatting import Talk


@one_line_errors
def chat(
    model: options.ModelArgument,
    edit: options.EditOption = None,
    ranking: options.RankingOption = None,
    heads: options.HeadsOption = None,
    scale: options.ScaleOption = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Go on from every line as it is, although there is a chat template.")
    ] = False,
    system: Annotated[str, typer.Option(help="A system prompt, in the chat template.")] = "",
    template_args: Annotated[
        str, typer.Option(help="Settings of the chat template, like enable_thinking=false.", show_default=False)
    ] = "",
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Length of an answer, at most.")] = 256,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    device_map: options.DeviceMapOption = None,
    revision: options.RevisionOption = None,
) -> None:
    """Talk to a model, and switch and rescale its edit while you do: /help lists what can be typed."""
    from headpursuit.chatting import Talk, described
    from headpursuit.settings import Chat
    from headpursuit.settings.chat import parse_template_args

    saved = None if edit is None and ranking is None else edit_from(edit, ranking, heads, scale)
    if saved is None and (heads is not None or scale is not None):
        raise ValueError("--heads and --scale are of an edit; give --ranking, or a list of heads as --edit")
    loaded = open_model(model, device=device, dtype=dtype, device_map=device_map, revision=revision)
    if saved is not None:
        saved.check(loaded)
    framed = loaded.has_chat_template and not plain
    if (system or template_args) and not framed:
        why = "leave --plain out" if plain else "the model has none, so leave them out"
        raise ValueError(f"--system and --template-args are of the chat template; {why}")
    frame = Chat(system, parse_template_args(template_args)) if framed else None
    talk = Talk(loaded, saved.edit if saved else None, chat=frame, max_new_tokens=max_new_tokens)
    _say(f"{loaded.name}, {described(talk)}; /help lists the commands")
    if not framed:
        _say("no chat template: every line is a prompt of its own, and the model goes on from it")
    if _converse(talk):
        raise typer.Exit(2)


def _converse(talk: "Talk") -> bool:
    """Read and obey lines until they end; true if one of a file or a pipe could not be obeyed."""
    typed, refused = sys.stdin.isatty(), False
    if typed:
        with suppress(ImportError):
            import readline  # noqa: F401 - lines can be edited, and called back
    while True:
        try:
            line = input("> " if typed else "")
        except (EOFError, KeyboardInterrupt):
            break
        try:
            _obey(talk, line)
        except EOFError:
            return refused and not typed
        except KeyboardInterrupt:
            _say("stopped; what was said so far stays")
        except user_errors() as error:
            refused = True
            _say(f"headpursuit: {' '.join(str(error).split())}")
    if typed:
        typer.echo()
    return refused and not typed


def _obey(talk: "Talk", line: str) -> None:
    """Obey a line; what the model says goes to stdout as it grows, and all else to stderr."""
    from headpursuit.chatting import obey

    told = False

    def tell(piece: str) -> None:
        nonlocal told
        told = True
        typer.echo(visible(piece), nl=False)

    try:
        obey(talk, line, tell, _say)
    finally:
        if told:
            typer.echo()


def _say(line: str) -> None:
    notes.print(Text(visible(line)), soft_wrap=True)
