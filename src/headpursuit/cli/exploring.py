"""explore: the live page."""

import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from headpursuit.cli import options
from headpursuit.cli.console import one_line_errors, progress, say
from headpursuit.cli.opening import open_captured, open_model

if TYPE_CHECKING:
    from headpursuit.explore import Workbench

T = TypeVar("T")


@one_line_errors
def explore(
    model: Annotated[
        str,
        typer.Argument(metavar="[MODEL]", help="As for `doctor`; or a capture alone, and the model it was made with."),
    ] = "smollm2-135m",
    capture: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CAPTURE]", help="A folder written by `capture`; shipped prompts are captured if there is none."
        ),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help="The file that was captured, to show the prompts at which a head writes most."),
    ] = None,
    column: options.ColumnOption = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for studies from the page, and for shipped captures.")
    ] = Path("headpursuit-explore"),
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="On this machine.", show_default="first free from 7860")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    revision: options.RevisionOption = None,
) -> None:
    """A page on this machine: type words, watch the heads, pull a slider, read what the model says now."""
    from headpursuit.explore.serving import check_installed, serve

    check_installed()
    bench, place, origin = _apart(partial(_bench, model, capture, prompts, column, output, device, dtype, revision))
    bench.rank_ahead()
    blocks = serve(bench, place, output, port=port, origin=origin, open_browser=open_browser)
    say(f"open {blocks.local_url} (Ctrl-C ends it)")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what is under way ends as by Ctrl-C
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        say("ended")
    finally:
        blocks.close(verbose=False)


def _apart(make: Callable[[Callable[[str, int, int], None]], T]) -> T:
    """Make something in a thread that ends, as `Workbench` wants to be made, and show how far it is.

    Ctrl-C ends it where it next says how far it is, and it has twenty seconds to get there and to clean up.
    """
    from headpursuit.explore.jobs import Job

    made: list[T] = []
    job: Job[tuple[str, int, int]] = Job(lambda tell: made.append(make(lambda *stage: tell(stage))))
    try:
        with progress() as advance:
            for stage in job:
                advance(*stage)
    finally:
        job.wait(20.0)
    return made[0]


def _bench(
    model: str,
    capture: Path | None,
    prompts: Path | None,
    column: str | None,
    output: Path,
    device: str,
    dtype: str,
    revision: str | None,
    advance: Callable[[str, int, int], None],
) -> "tuple[Workbench, Path, str]":
    """The workbench, where its capture is, and what was captured if the user did not say."""
    from headpursuit.analysis import read_prompts
    from headpursuit.explore import Workbench, default_capture
    from headpursuit.storage import MANIFEST

    given: str | None = model
    if capture is None and (Path(model) / MANIFEST).is_file() and not (Path(model) / "config.json").is_file():
        capture, given = Path(model), None
    if capture is None:
        if prompts is not None:
            raise ValueError("--prompts goes with a capture; make one with `headpursuit capture`, then explore it")
        loaded = open_model(model, device=device, dtype=dtype, revision=revision)
        say(str(loaded.certificate))
        captured, texts, place = default_capture(loaded, output, partial(advance, "capture"))
        return Workbench(loaded, captured, texts), place, "which come with the package"
    if column is not None and prompts is None:
        raise ValueError("--column is one of the file of prompts; give that with --prompts")
    read = list(read_prompts(prompts, column)) if prompts else None
    captured, loaded = open_captured(capture, given, device, dtype, None, revision)
    return Workbench(loaded, captured, read), capture, ""
