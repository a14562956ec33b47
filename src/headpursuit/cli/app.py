"""The command `headpursuit`."""

import signal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from headpursuit.cli import (
    analyse,
    atlas,
    chatting,
    concepts,
    demos,
    editing,
    examine,
    exploring,
    exporting,
    opening,
    sharing,
    studies,
    usage,
)
from headpursuit.registry import NAMES

app = typer.Typer(
    cls=usage.OneLineGroup,
    name="headpursuit",
    help="Find the attention heads that carry a concept, prove it causally, and switch the concept down or up.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(demos.demo)
app.command("doctor")(examine.doctor)
app.command("effects", cls=examine.EFFECTS)(examine.effects)
app.command("capture", cls=analyse.CAPTURE)(analyse.capture)
app.command("merge")(analyse.merge)
app.command("explain", cls=analyse.EXPLAIN)(analyse.explain)
app.command("rank", cls=analyse.RANK)(analyse.rank)
app.command("explore")(exploring.explore)
app.command("chat")(chatting.chat)
app.command("export")(exporting.export)
app.command("verify-export")(exporting.verify_export)
app.command("push")(sharing.push)
app.command("pull")(sharing.pull)
app.command("study", cls=studies.STUDY)(studies.study)
app.command("sweep", cls=studies.SWEEP)(studies.sweep)
app.command("plan", cls=studies.STUDY)(studies.plan)
app.command("report")(studies.report)
for _name in NAMES.values():
    if find_spec(f"headpursuit.cli.{_name}"):
        _home = import_module(f"headpursuit.cli.{_name}")
        app.command(_name.replace("_", "-"), cls=_home.COMMAND)(getattr(_home, _name))
app.add_typer(editing.app, name="edit")
app.add_typer(atlas.app, name="atlas")
app.add_typer(concepts.app, name="concepts")


def _version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"headpursuit {version('headpursuit')}")
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    anatomy: Annotated[
        Path | None,
        typer.Option(
            help="Where a model's heads are, if they cannot be found: a YAML file (docs/architectures.md).",
            callback=opening.hand_in,
            show_default=False,
        ),
    ] = None,
) -> None: ...


def main() -> None:
    """Entry point of the command; when it is told to end, nothing half-written stays behind, as after Ctrl-C."""
    signal.signal(signal.SIGTERM, _end)
    app()


def _end(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)
