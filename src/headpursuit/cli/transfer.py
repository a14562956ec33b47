"""transfer."""

from typing import Annotated

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors
from headpursuit.cli.settings import given_in, with_settings

COMMAND = with_settings(
    "studies.experiments.transfer.config:TransferConfig",
    without=("n_atoms", "centre", "gain", "n_draws", "null", "multi_token"),
)  # these are set in a file of tasks


@one_line_errors
def transfer(
    ctx: typer.Context,
    tasks: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK...",
            help="Tasks: names, TASK:DATA, a study's YAML file, or a YAML file that lists several under tasks.",
        ),
    ],
    output: options.OutputOption,
    resume: options.ResumeOption = False,
) -> None:
    """Do several tasks share heads, and do the heads of one act on the questions of another?"""
    from headpursuit.registry import experiment
    from headpursuit.studies.experiments.transfer import TransferConfig, read_tasks

    rows, settings = read_tasks(tasks)
    given = given_in(ctx)
    config = TransferConfig.of(given.pop("model"), rows, settings | given)
    running.run_experiment(experiment("transfer"), config, output, resume=resume)
