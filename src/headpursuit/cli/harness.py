"""lm-eval: what an edit does on tasks of lm-evaluation-harness."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headpursuit.cli import options
from headpursuit.cli.console import one_line_errors, print_table, progress, say
from headpursuit.cli.editing import edit_from
from headpursuit.cli.opening import open_model

if TYPE_CHECKING:
    from headpursuit.studies.harness import HarnessResult
    from headpursuit.studies.harness.result import HarnessRow


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
    seed: options.SeedOption = 0,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    revision: options.RevisionOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished run in the output folder.")
    ] = False,
) -> None:
    """Measure an edit's damage on tasks of lm-evaluation-harness, beside random heads."""
    from headpursuit.models import harness_tasks
    from headpursuit.report import render_harness
    from headpursuit.studies.harness import HarnessConfig, harness_study
    from headpursuit.studies.harness.result import KIND

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
        seed=seed,
        device=device,
        dtype=dtype,
        revision=revision,
    )
    KIND.check(output, config, resume=resume)
    loaded_tasks = harness_tasks(config.tasks, config.include_path)
    loaded_tasks.check_scope(saved.edit)
    loaded = open_model(model, device=device, dtype=dtype, revision=revision)
    with progress() as advance:
        result = harness_study(loaded, saved, config, output, tasks=loaded_tasks, resume=resume, progress=advance)
    _show(result)
    say(f"written: {render_harness(output)}")


def _show(result: "HarnessResult") -> None:
    scales = " ".join(f"{head} x {scale:g}" for head, scale in result.arms[1].scales.items())
    columns = ("task", "metric", ">items", ">base", ">edit", ">change", ">95 %, sign test", ">random heads")
    print_table(f"{scales}: figures of lm-eval (standard errors in brackets)", columns, map(_cells, result.rows))
    for warning in result.warnings:
        say(f"lm-eval warned: {warning}")
    say(result.sentence, "bold")


def _cells(row: "HarnessRow") -> tuple[str, ...]:
    change = row.change
    if change.low is None or change.high is None:
        interval = "-"
    else:
        interval = f"{change.low:+.3f} to {change.high:+.3f}" + ("" if change.paired else ", unpaired")
        interval += "" if change.p is None else f", p {change.p:.2g}"
    return (
        row.task,
        row.metric,
        str(row.n_items),
        _figure(row.base, row.base_stderr),
        _figure(row.edit, row.edit_stderr),
        f"{change.value:+.3f}",
        interval,
        f"{sum(row.controls) / len(row.controls):+.3f}" if row.controls else "-",
    )


def _figure(value: float, stderr: float | None) -> str:
    return f"{value:.3f}" if stderr is None else f"{value:.3f} ({stderr:.3f})"
