"""rankers: which way of ranking heads finds those that matter?"""

from pathlib import Path
from typing import Annotated

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors


@one_line_errors
def rankers(
    tasks: Annotated[
        str, typer.Argument(metavar="TASKS", help="What is measured: a task, or several with commas: countries-qa.")
    ],
    model: options.ModelArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder of the results; rankers-MODEL by default.")
    ] = None,
    rankers: Annotated[str, typer.Option(help="Rankers with commas, beside the default one.", show_default="all")] = "",
    heads: Annotated[str, typer.Option(help="How many of each ranker's best heads are edited.")] = "1,2,4",
    scales: Annotated[
        str, typer.Option("--scales", "--scale", help="What they are multiplied by; of several the best one counts.")
    ] = "-1",
    questions: Annotated[
        int, typer.Option(help="Held-out questions of each group, at most, for a quick look.", show_default="all")
    ] = 0,
    draws: Annotated[int, typer.Option(help="Random orders of the heads.")] = 5,
    data: Annotated[str, typer.Option(help="Images of image tasks: digits, scenes, mnist, hf:NAME, a folder.")] = "",
    scope: options.ScopeOption = "all",
    n_atoms: options.AtomsOption = 20,
    n_draws: options.DrawsOption = 16,
    null: options.NullOption = "any",
    multi_token: options.MultiTokenOption = "drop",
    gain: options.GainOption = False,
    samples: Annotated[int, typer.Option(help="Captured positions that are kept one by one.")] = 1000,
    batch_size: options.BatchOption = 64,
    seed: options.SeedOption = 0,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    date: options.DateOption = "",
    revision: options.RevisionOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished comparison in the output folder.")
    ] = False,
) -> None:
    """Rank heads in many ways, edit the best of each, and compare what that does to questions none of them saw."""
    from headpursuit.analysis import RankConfig
    from headpursuit.registry import experiment
    from headpursuit.studies.experiments.rankers import RankersConfig

    config = RankersConfig(
        tuple(part.strip() for part in tasks.split(",") if part.strip()),
        model,
        revision=revision,
        rankers=rankers,
        heads=heads,
        scales=scales,
        questions=questions,
        draws=draws,
        scope=scope,
        ranking=RankConfig(n_atoms=n_atoms, n_draws=n_draws, null=null, multi_token=multi_token, gain=gain, seed=seed),
        samples=samples,
        batch_size=batch_size,
        data=data,
        seed=seed,
        device=device,
        dtype=dtype,
        date=date,
    )
    folder = output or Path(f"rankers-{Path(model).name}")
    running.run_experiment(experiment("rankers"), config, folder, resume=resume)
