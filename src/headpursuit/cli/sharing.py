"""push and pull: rankings, edits and other folders, to and from the Hugging Face hub."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from headpursuit.cli import options
from headpursuit.cli.console import in_bytes, one_line_errors, progress, say

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The repository, USER/NAME.")]


@one_line_errors
def push(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="ranking.json, an edit's file, or any folder with a manifest.")
    ],
    name: NameArgument,
    private: Annotated[
        bool, typer.Option("--private/--public", help="Who may see a repository that is made for it.")
    ] = True,
    revision: Annotated[
        str | None, typer.Option(help="Branch to push to, made if it is not there.", show_default="main")
    ] = None,
    tag: Annotated[str | None, typer.Option(help="A name for exactly this version.")] = None,
) -> None:
    """Put a ranking, an edit or another result into a repository of the Hugging Face hub, with a card."""
    from headpursuit.sharing import push as run

    done = run(path, name, private=private, revision=revision, tag=tag)
    who = "private" if done.private else "public"
    say(f"pushed: {done.url} ({who}, commit {done.commit})")
    say(f"{done.kind}, {_files(done.n_files)}, {in_bytes(done.n_bytes)}")
    if done.left_out:
        say(f"not pushed, because manifest.json does not list them: {', '.join(done.left_out)}")
    exactly = f" --revision {quote(tag or revision or '')}" if tag or revision else ""
    say(f"to get it: headpursuit pull {name} -o {name.split('/')[1]}{exactly}")


@one_line_errors
def pull(
    name: NameArgument,
    output: options.OutputOption,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit.", show_default="the newest of main")
    ] = None,
) -> None:
    """Get what `push` put into a repository of the Hugging Face hub, with every checksum verified."""
    from functools import partial

    from headpursuit.sharing import pull as run

    with progress() as advance:
        done = run(name, output, revision=revision, progress=partial(advance, "files"))
    say(f"pulled: {output} ({done.kind}, {_files(done.n_files)}, {in_bytes(done.n_bytes)}) from commit {done.commit}")
    use = _USES.get(done.kind)
    if use:
        say(f"to use it: {use.format(folder=quote(str(output)))}")


_USES = {
    "ranking": "headpursuit edit {folder} -o edit.json",
    "edit": "headpursuit effects MODEL --edit {folder} --prompts PROMPTS",
    "atlas": "headpursuit report {folder}",
}


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"
