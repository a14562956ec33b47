"""sensitivity: how much a ranking depends on its word list."""

from pathlib import Path

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors
from headpursuit.cli.settings import given_in, with_settings

COMMAND = with_settings("studies.experiments.sensitivity.config:SensitivityConfig")


@one_line_errors
def sensitivity(ctx: typer.Context, output: options.OutputOption, resume: options.ResumeOption = False) -> None:
    """Ask how much a ranking depends on its word list: fewer words, wrong words, other words, other spellings."""
    from headpursuit.analysis import Capture

    given = given_in(ctx)
    identity = Capture.load(Path(given["capture"])).identity
    usual = {"model": identity.model} | ({} if "model" in given else {"revision": identity.revision})
    running.run_asked("sensitivity", ctx, output, resume=resume, usual=usual)
