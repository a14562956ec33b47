"""rankers: which way of ranking heads finds those that matter?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headpursuit.cli import options
from headpursuit.cli.console import one_line_errors, print_table, progress, say
from headpursuit.cli.opening import open_model

if TYPE_CHECKING:
    from headpursuit.studies.rankers import RankersResult, TaskComparison


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
    multi_token: options.MultiTokenOption = "drop",
    gain: options.GainOption = False,
    samples: Annotated[int, typer.Option(help="Captured positions that are kept one by one.")] = 1000,
    batch_size: options.BatchOption = 64,
    seed: options.SeedOption = 0,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    revision: options.RevisionOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished comparison in the output folder.")
    ] = False,
) -> None:
    """Rank heads in many ways, edit the best of each, and compare what that does to questions none of them saw."""
    from headpursuit.analysis import RankConfig
    from headpursuit.report.rankers import render_rankers
    from headpursuit.studies.rankers import RankersConfig, compare_rankers
    from headpursuit.studies.rankers.result import KIND

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
        ranking=RankConfig(n_atoms=n_atoms, n_draws=n_draws, multi_token=multi_token, gain=gain, seed=seed),
        samples=samples,
        batch_size=batch_size,
        data=data,
        seed=seed,
        device=device,
        dtype=dtype,
    )
    folder = output or Path(f"rankers-{Path(model).name}")
    found = config.find_tasks()
    _ = [task.words for task in found]  # what is missing is said before the model is loaded
    KIND.check(folder, config, resume=resume)
    loaded = open_model(model, device=device, dtype=dtype, revision=revision)
    say(str(loaded.certificate))
    with progress() as advance:
        result = compare_rankers(loaded, config, folder, tasks=found, resume=resume, progress=advance)
    _show(result)
    say(f"\nwritten: {render_rankers(folder)}")


def _show(result: "RankersResult") -> None:
    for task in result.tasks:
        _print_task(task, result.seconds if len(result.tasks) == 1 else {})
        for sentence in task.sentences:
            say(sentence)
    if len(result.tasks) > 1:
        rows = [
            (name, f"{place:.1f}", str(result.pooled.get(name, "")))
            for name, place in sorted(result.mean_ranks.items(), key=lambda item: item[1])
        ]
        print_table("all tasks", ("ranker", ">mean place", ">against the default"), rows)
        for sentence in result.sentences:
            say(sentence)


def _print_task(task: "TaskComparison", seconds: dict[str, float]) -> None:
    counts = [figure.n_heads for figure in task.rows[0].figures]
    columns = ("ranker", *(f">{n}" for n in counts), ">mean", ">against the default", *([">seconds"] * bool(seconds)))
    rows = []
    for row in task.rows:
        cells = ["breaks" if f.n_broken == f.n_draws else f"{f.effect.value:.2f}{_sure(f.better)}" for f in row.figures]
        better = (
            "" if row.better is None else f"{row.better.value:+.2f} ({row.better.low:+.2f} to {row.better.high:+.2f})"
        )
        own = [f"{seconds[row.ranker]:.1f}"] if seconds else []
        rows.append((row.ranker, *cells, f"{row.mean.value:.2f}", better, *own))
    verb = "falls" if task.direction == "suppress" else "rises"
    title = (
        f"{task.task} ({task.concept}): fraction by which the score of {task.n_target} target questions "
        f"({task.counted}, {task.base.value:.2f} before) {verb} without damage, "
        "by number of heads; + and - mark surely more or less than the default"
    )
    print_table(title, columns, rows)
    for name, reason in task.left_out.items():
        say(f"left out: {name}: {reason}")


def _sure(better: object) -> str:
    """A mark where the interval of a difference excludes 0."""
    low, high = getattr(better, "low", 0.0), getattr(better, "high", 0.0)
    return "+" if low > 0 else "-" if high < 0 else " "
