"""screen: what rescaling every head by itself does."""

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors
from headpursuit.cli.settings import with_settings

COMMAND = with_settings("studies.experiments.screen:ScreenConfig")


@one_line_errors
def screen(ctx: typer.Context, output: options.OutputOption, resume: options.ResumeOption = False) -> None:
    """Rescale every head by itself, and say what that does to the task, to unrelated answers, and to neutral text."""
    running.run_asked("screen", ctx, output, resume=resume)
