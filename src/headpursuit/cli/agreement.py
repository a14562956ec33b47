"""agreement: how far two rankings agree."""

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors
from headpursuit.cli.settings import with_settings

COMMAND = with_settings("studies.experiments.agreement:AgreementConfig")


@one_line_errors
def agreement(ctx: typer.Context, output: options.OutputOption, resume: options.ResumeOption = False) -> None:
    """Say how far two rankings agree: the best heads that both have, against chance, and the order of all heads."""
    running.run_asked("agreement", ctx, output, resume=resume)
