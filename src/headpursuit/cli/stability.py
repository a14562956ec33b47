"""stability: whether other prompts, phrasings, settings and seeds would have found the same heads."""

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors
from headpursuit.cli.settings import with_settings

COMMAND = with_settings("studies.experiments.stability:StabilityConfig")


@one_line_errors
def stability(ctx: typer.Context, output: options.OutputOption, resume: options.ResumeOption = False) -> None:
    """Rank a task's heads again, on resampled prompts and with other settings, and say if the best stay the same."""
    running.run_asked("stability", ctx, output, resume=resume)
