"""Run an experiment for a terminal: what can be checked first, the model, progress, what was found, and its page."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from headpursuit.cli.console import print_table, progress, say
from headpursuit.cli.opening import open_model
from headpursuit.cli.settings import given_in
from headpursuit.settings import config_of

if TYPE_CHECKING:
    from headpursuit.studies.kernel import Experiment, Shown


def run_asked(
    name: str, ctx: typer.Context, output: Path, *, resume: bool, usual: Mapping[str, Any] | None = None, **given: Any
) -> None:
    """Run an experiment with the settings that were typed.

    Args:
        name: The experiment's.
        ctx: Of the command.
        output: The folder of the results.
        resume: Go on with what is unfinished there.
        usual: Settings where none were typed.
        given: As `run_experiment` takes it.
    """
    from headpursuit.registry import experiment

    found = experiment(name)
    config = config_of(found.kind.config, {**(usual or {}), **given_in(ctx)})
    run_experiment(found, config, output, resume=resume, **given)


def run_experiment(experiment: "Experiment[Any]", config: Any, output: Path, *, resume: bool, **given: Any) -> None:
    """Run an experiment, or go on with it, and show what it found.

    Args:
        experiment: Which.
        config: Its settings.
        output: The folder of the results.
        resume: Go on with what is unfinished there.
        given: What takes the place of what is prepared of the settings.
    """
    from headpursuit.processes import launched
    from headpursuit.studies.kernel import alone_in

    def check() -> None:
        experiment.kind.check(output, config, resume=resume)
        if output.exists():
            with alone_in(output):  # tried before a model is loaded
                pass

    processes = launched()
    processes.first(check)
    prepared = experiment.prepare(config) | given
    wanted, model = experiment.model(config, prepared), None
    if wanted is not None:
        try:
            model = open_model(
                wanted.name,
                revision=wanted.revision,
                device=wanted.device,
                dtype=wanted.dtype,
                anatomy=wanted.anatomy,
            )
        except OSError as error:
            raise OSError("; ".join(filter(None, [str(error), wanted.advice]))) from error
        say(str(model.certificate))
    with progress() as advance:
        result = experiment.run(model, config, output, **prepared, resume=resume, progress=advance)
    if processes.rank == 0:
        show(experiment, result, output)


def show(experiment: "Experiment[Any]", result: Any, output: Path) -> None:
    """Show a result, and where its page is."""
    from headpursuit.report import render

    show_parts(experiment.shown(result))
    say(f"\nreport: {render(output)}")


def show_parts(parts: "Iterable[Shown]") -> None:
    """Tables and lines."""
    from headpursuit.studies.kernel import Table

    for part in parts:
        if isinstance(part, Table):
            print_table(part.title, part.columns, part.rows)
        else:
            say(part.text, "bold" if part.strong else "")
