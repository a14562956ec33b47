"""lm-eval: what an edit does on tasks of lm-evaluation-harness."""

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors
from headpursuit.cli.editing import edit_from
from headpursuit.cli.settings import with_settings

COMMAND = with_settings("studies.experiments.lm_eval.settings:HarnessConfig")


@one_line_errors
def lm_eval(
    ctx: typer.Context,
    output: options.OutputOption,
    edit: options.EditOption = None,
    ranking: options.RankingOption = None,
    heads: options.HeadsOption = None,
    scale: options.ScaleOption = None,
    resume: options.ResumeOption = False,
) -> None:
    """Measure an edit's damage on tasks of lm-evaluation-harness, beside random heads."""
    saved = edit_from(edit, ranking, heads, scale)
    running.run_asked("lm_eval", ctx, output, resume=resume, usual={"edit": saved.edit.to_json()}, saved=saved)
