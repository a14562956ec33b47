"""demo, study and report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headpursuit.cli import options
from headpursuit.cli.analyse import print_ranking
from headpursuit.cli.console import one_line_errors, print_table, progress, quoted, say
from headpursuit.cli.opening import open_model

if TYPE_CHECKING:
    from headpursuit.studies import StudyConfig, StudyResult

ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with an unfinished study in the output folder.")]


@one_line_errors
def study(
    task: Annotated[str, typer.Argument(help="What is measured: countries-qa.")],
    model: options.ModelArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder of the results; TASK-MODEL by default.")
    ] = None,
    heads: Annotated[
        str, typer.Option(help="How many heads to edit: a number, or at most a percentage of all.")
    ] = "1%",
    scale: Annotated[
        float, typer.Option(help="What they are multiplied by: -1 suppresses, 0 removes, 5 enhances.")
    ] = -1.0,
    scope: options.ScopeOption = "all",
    controls: Annotated[int, typer.Option(help="Draws of random heads, of the same layers and of any layer.")] = 5,
    other_concept: Annotated[str, typer.Option(help="A concept whose best heads are a further control.")] = "months",
    positions: Annotated[options.PositionsChoice, typer.Option(help="Positions the ranking reads.")] = "last",
    score: options.ScoreOption = "specificity",
    rule: options.RuleOption = "l2",
    n_atoms: options.AtomsOption = 20,
    n_draws: options.DrawsOption = 16,
    multi_token: options.MultiTokenOption = "drop",
    centre: options.CentreOption = True,
    gain: options.GainOption = False,
    max_new_tokens: Annotated[int, typer.Option(help="Length of the answers.")] = 12,
    batch_size: options.BatchOption = 64,
    chat: options.ChatOption = False,
    seed: options.SeedOption = 0,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    revision: options.RevisionOption = None,
    resume: ResumeOption = False,
) -> None:
    """Rank heads, rescale the best ones, compare with random heads on held-out questions, and judge."""
    from headpursuit.analysis import RankConfig
    from headpursuit.studies import StudyConfig

    ranking = RankConfig(
        score=score,
        rule=rule,
        n_atoms=n_atoms,
        centre=centre,
        gain=gain,
        n_draws=n_draws,
        multi_token=multi_token,
        seed=seed,
    )
    config = StudyConfig(
        task=task,
        model=model,
        revision=revision,
        heads=heads,
        scale=scale,
        scope=scope,
        controls=controls,
        other_concept=other_concept,
        ranking=ranking,
        positions=positions,
        chat=chat,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        seed=seed,
        device=device,
        dtype=dtype,
    )
    _run(config, output or Path(f"{task}-{Path(model).name}"), resume=resume)


@one_line_errors
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder of the results.")] = Path("demo"),
) -> None:
    """The main job on a real small model: heads for countries, found, rescaled, compared with random heads, judged."""
    from headpursuit.models import EMBEDDED
    from headpursuit.storage import MANIFEST
    from headpursuit.studies import StudyConfig, StudyResult

    if (output / MANIFEST).exists():
        say(f"{output} holds a finished demo; remove it to run it again")
        _show(StudyResult.load(output), output)
        return
    _run(StudyConfig("countries-qa", EMBEDDED), output, resume=output.exists())


@one_line_errors
def report(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="A folder written by `study`.")],
) -> None:
    """Render the page and pictures of a study again, without the model."""
    from headpursuit.report import render

    say(f"written: {render(folder)}")


def _run(config: "StudyConfig", output: Path, *, resume: bool) -> None:
    from headpursuit.concepts import load_concept
    from headpursuit.studies import check_place, load_task
    from headpursuit.studies import study as run

    load_concept(load_task(config.task).concept), load_concept(config.other_concept)
    check_place(output, config, resume=resume)
    model = open_model(config.model, device=config.device, dtype=config.dtype, revision=config.revision)
    say(str(model.certificate))
    with progress() as advance:
        result = run(model, config, output, resume=resume, progress=advance)
    _show(result, output)


def _show(result: "StudyResult", output: Path) -> None:
    """Ranking, arms and verdict in the terminal, and the page."""
    from headpursuit.report import render

    print_ranking(result.ranking, 10)
    tokens = {note.head: note.tokens for note in result.notes}
    edit = next(arm for arm in result.arms if arm.kind == "edit")
    for head in edit.heads:
        say(f"{head} writes {quoted(tokens[head])}")
    rows = [
        (
            arm.name,
            " ".join(arm.heads),
            str(arm.target.contains),
            str(arm.unrelated.contains),
            f"{arm.damage.perplexity:.1f}",
            f"{arm.damage.kl:.3f}",
        )
        for arm in result.arms
    ]
    columns = ("arm", "heads", ">target", ">unrelated", ">ppl", ">KL")
    print_table(f"held-out questions answered correctly, heads at scale {result.config.scale:g}", columns, rows)
    _show_example(result)
    say(f"\n{result.verdict.outcome.upper()}: {result.verdict.sentence}", "bold")
    for reason in result.verdict.reasons:
        say(f"  {reason}")
    say(f"\nreport: {render(output)}")


def _show_example(result: "StudyResult") -> None:
    """The first target question that the base answers correctly."""
    from headpursuit.studies import contains

    right = (e for e in result.examples if e.group == "target" and contains(e.answers["base"], e.accepted))
    example = next(right, None)
    if example is not None:
        say(repr(example.prompt))
        for arm in ("base", "edit", "matched-1"):
            say(f"  {arm}: {example.answers[arm]!r}")
