"""lm-eval: what an edit does on tasks of lm-evaluation-harness."""

from pathlib import Path
from typing import Annotated

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors
from headpursuit.cli.editing import edit_from


@one_line_errors
def lm_eval(
    model: options.ModelArgument,
    tasks: Annotated[
        str, typer.Option(help="Tasks as lm-eval calls them, or YAML files, with commas: arc_easy,m.yaml")
    ],
    output: options.OutputOption,
    edit: options.EditOption = None,
    ranking: options.RankingOption = None,
    heads: options.HeadsOption = None,
    scale: options.ScaleOption = None,
    limit: Annotated[int | None, typer.Option(help="Only so many items of each task, the first ones.")] = None,
    num_fewshot: Annotated[
        int | None, typer.Option(help="Examples in each prompt.", show_default="what each task says")
    ] = None,
    include_path: Annotated[
        Path | None, typer.Option(help="A folder with tasks of your own (YAML files).", show_default=False)
    ] = None,
    controls: Annotated[int, typer.Option(help="Draws of random heads of the same layers.")] = 3,
    batch_size: Annotated[int, typer.Option(help="Requests per batch.")] = 8,
    chat: options.ChatOption = False,
    system: options.SystemOption = "",
    template_args: options.TemplateArgsOption = "",
    date: options.DateOption = "",
    seed: options.SeedOption = 0,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    revision: options.RevisionOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished run in the output folder.")
    ] = False,
) -> None:
    """Measure an edit's damage on tasks of lm-evaluation-harness, beside random heads."""
    from headpursuit.registry import experiment
    from headpursuit.studies.experiments.lm_eval import HarnessConfig

    saved = edit_from(edit, ranking, heads, scale)
    config = HarnessConfig(
        model=model,
        tasks=tuple(filter(None, (name.strip() for name in tasks.split(",")))),
        edit=saved.edit.to_json(),
        limit=limit,
        num_fewshot=num_fewshot,
        batch_size=batch_size,
        include_path=None if include_path is None else str(include_path),
        controls=controls,
        chat=chat,
        system=system,
        template_args=template_args,
        date=date,
        seed=seed,
        device=device,
        dtype=dtype,
        revision=revision,
    )
    running.run_experiment(experiment("lm_eval"), config, output, resume=resume, saved=saved)
