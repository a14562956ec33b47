"""transfer."""

from typing import TYPE_CHECKING, Annotated

import typer

from headpursuit.cli import options
from headpursuit.cli.console import notes, one_line_errors, print_table, progress, say
from headpursuit.cli.opening import open_model

if TYPE_CHECKING:
    from headpursuit.studies.transfer import EffectCell, TransferResult

_MARKS = {"acts": "*", "does not act": "", "breaks": " broken", "nothing to lose": " -"}


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
    revision: options.RevisionOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished transfer.")] = False,
) -> None:
    """Do several tasks share heads, and do the heads of one act on the questions of another?"""
    from headpursuit.report.transfer import render_transfer
    from headpursuit.studies.transfer import TransferConfig, find_tasks, n_runs, read_tasks
    from headpursuit.studies.transfer import transfer as run
    from headpursuit.studies.transfer.result import KIND

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
        "revision": revision,
    }
    rows, settings = read_tasks(tasks)
    given = {name: value for name, value in flags.items() if value is not None}
    config = TransferConfig.of(model, rows, settings | given)
    KIND.check(output, config, resume=resume)
    found = find_tasks(config)
    loaded = open_model(model, device=config.device, dtype=config.dtype, revision=config.revision)
    say(str(loaded.certificate))
    notes.print(f"at most {n_runs(config)} runs: every set of heads on every task's questions")
    with progress() as advance:
        result = run(loaded, config, output, tasks=found, resume=resume, progress=advance)
    show(result)
    say(f"\nreport: {render_transfer(output)}")


def show(result: "TransferResult") -> None:
    """Heads, what they share, the matrix, and sentences."""
    rows = [(task.name, task.task, f"{task.concept} ({task.n_words})", " ".join(task.heads)) for task in result.tasks]
    print_table(f"best heads of every task, of {result.n_heads}", ("task", "what", "concept (words)", "heads"), rows)
    _show_overlaps(result)
    _show_matrix(result)
    first, *others = result.sentences
    say(f"\n{first}", "bold")
    for sentence in others:
        say(f"  {sentence}")
    for remark in result.remarks:
        say(f"  {remark}")


def _show_overlaps(result: "TransferResult") -> None:
    rows = [
        (
            " & ".join(overlap.tasks),
            f"{len(overlap.shared)}",
            f"{overlap.expected:.2g}",
            f"{overlap.jaccard:.2f}",
            f"{overlap.p_adjusted:.2g}",
            f"{overlap.p_in_layers_adjusted:.2g}",
            f"{overlap.spearman:.2f}",
        )
        for overlap in result.overlaps
    ]
    columns = ("tasks", ">shared", ">by chance", ">Jaccard", ">p (Holm)", ">p, same layers", ">Spearman, all heads")
    print_table("heads that tasks share", columns, rows)


def _show_matrix(result: "TransferResult") -> None:
    names = [task.name for task in result.tasks]
    rows = [(row, *(_shown(result.cell(row, column)) for column in names)) for row in names]
    rows.append(
        ("random heads", *(f"{sum(c.random) / len(c.random):.2f} (mean of {len(c.random)})" for c in result.columns))
    )
    rows.append(("score, unedited", *(f"{column.base.value:.2f}" for column in result.columns)))
    title = (
        f"fraction of the score lost: heads of the row x {result.config.scale:g}, questions of the column; * more than "
        "random heads; broken: the model falls apart; -: nothing to lose"
    )
    print_table(title, ("heads of", *(f">{name}" for name in names)), rows)


def _shown(cell: "EffectCell") -> str:
    effect = cell.effect
    return f"{effect.value:.2f} ({effect.low:.2f}-{effect.high:.2f}){_MARKS[cell.word]}"
