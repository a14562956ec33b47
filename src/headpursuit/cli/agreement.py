"""agreement: how far two rankings agree."""

from pathlib import Path
from typing import Annotated

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors

_RANKING = typer.Argument(metavar="RANKING", help="ranking.json, or the folder written by `rank`.")


@one_line_errors
def agreement(
    one: Annotated[Path, _RANKING],
    other: Annotated[Path, _RANKING],
    output: options.OutputOption,
    tops: Annotated[str, typer.Option(help="Numbers or percentages of best heads.")] = "1%,2%,5%,10%",
    seed: options.SeedOption = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished one in the output folder.")
    ] = False,
) -> None:
    """Say how far two rankings agree: the best heads that both have, against chance, and the order of all heads."""
    from headpursuit.registry import experiment
    from headpursuit.studies.experiments.agreement import AgreementConfig

    config = AgreementConfig(str(one), str(other), tops, seed)
    running.run_experiment(experiment("agreement"), config, output, resume=resume)
