"""transfer."""

from typing import Annotated

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors


@one_line_errors
def transfer(
    model: options.ModelArgument,
    tasks: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK...",
            help="Tasks: names, TASK:DATA, a study's YAML file, or a YAML file that lists several under tasks.",
        ),
    ],
    output: options.OutputOption,
    heads: Annotated[
        str | None, typer.Option(help="How many of each task's heads: a number or a percentage.", show_default="1%")
    ] = None,
    scale: Annotated[float | None, typer.Option(help="What they are multiplied by.", show_default="-1")] = None,
    scope: Annotated[
        str | None, typer.Option(help="Which tokens the edits act on, as for `study`.", show_default="all")
    ] = None,
    controls: Annotated[
        int | None,
        typer.Option(help="Draws of random heads of the same layers, for each task's heads.", show_default="3"),
    ] = None,
    images: Annotated[
        int | None, typer.Option(help="Held-out images of each image task, at most.", show_default="200")
    ] = None,
    selection_images: Annotated[
        int | None, typer.Option(help="Images that heads are ranked on, at most.", show_default="200")
    ] = None,
    score: Annotated[
        options.ScoreChoice | None, typer.Option(help="What heads are sorted by.", show_default="specificity")
    ] = None,
    rule: Annotated[
        options.RuleChoice | None, typer.Option(help="How the pursuit chooses atoms.", show_default="l2")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Prompts per batch.", show_default="64")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.", show_default="0")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, mps, ...", show_default="auto")] = None,
    dtype: Annotated[
        options.DtypeChoice | None, typer.Option(show_default="auto", help="auto is float32 on a CPU.")
    ] = None,
    date: options.OwnDateOption = None,
    revision: options.RevisionOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished transfer.")] = False,
) -> None:
    """Do several tasks share heads, and do the heads of one act on the questions of another?"""
    from headpursuit.registry import experiment
    from headpursuit.studies.experiments.transfer import TransferConfig, read_tasks

    flags = {
        "heads": heads,
        "scale": scale,
        "scope": scope,
        "controls": controls,
        "images": images,
        "selection_images": selection_images,
        "score": score,
        "rule": rule,
        "batch_size": batch_size,
        "seed": seed,
        "device": device,
        "dtype": dtype,
        "date": date,
        "revision": revision,
    }
    rows, settings = read_tasks(tasks)
    given = {name: value for name, value in flags.items() if value is not None}
    config = TransferConfig.of(model, rows, settings | given)
    running.run_experiment(experiment("transfer"), config, output, resume=resume)
