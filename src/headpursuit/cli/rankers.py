"""rankers: which way of ranking heads finds those that matter?"""

from pathlib import Path
from typing import Annotated

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors
from headpursuit.cli.settings import given_in, with_settings

COMMAND = with_settings(
    "studies.experiments.rankers.settings:RankersConfig", without=("score", "rule", "centre")
)  # these are each ranker's own


@one_line_errors
def rankers(
    ctx: typer.Context,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder of the results; rankers-MODEL by default.")
    ] = None,
    resume: options.ResumeOption = False,
) -> None:
    """Rank heads in many ways, edit the best of each, and compare what that does to questions none of them saw."""
    folder = output or Path(f"rankers-{Path(given_in(ctx)['model']).name}")
    running.run_asked("rankers", ctx, folder, resume=resume)
