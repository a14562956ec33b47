"""study and report."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headpursuit.cli import options
from headpursuit.cli.console import one_line_errors, progress, say
from headpursuit.cli.opening import open_model
from headpursuit.cli.verdicts import show

if TYPE_CHECKING:
    from headpursuit.studies import CaptioningResult, StudyConfig, StudyResult

ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with an unfinished study in the output folder.")]


@one_line_errors
def study(
    task: Annotated[str, typer.Argument(help="What is measured: countries-qa, image-classification or captioning.")],
    model: options.ModelArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder of the results; TASK-MODEL by default.")
    ] = None,
    data: Annotated[
        str,
        typer.Option(help="Images: digits, scenes, mnist, svhn, gtsrb, eurosat, flickr30k, coco, hf:NAME, a folder."),
    ] = "",
    concept: Annotated[
        str, typer.Option(help="What captions are read for: colours, numbers, shapes, ... or a file of words.")
    ] = "",
    ask: Annotated[str, typer.Option(help="What is asked about each image, instead of the set's own question.")] = "",
    images: Annotated[
        int | None, typer.Option(help="Held-out images, at most.", show_default="200, 100 for captioning")
    ] = None,
    selection_images: Annotated[
        int | None,
        typer.Option(help="Images that choose heads and dose, at most.", show_default="200, 100 for captioning"),
    ] = None,
    skip_bad: options.SkipBadOption = False,
    heads: Annotated[
        str | None,
        typer.Option(
            help="How many heads to edit: a number, or at most a percentage of all.", show_default="1%, or the sweep's"
        ),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(
            help="What they are multiplied by: -1 suppresses, 0 removes, 5 enhances.", show_default="-1, or the sweep's"
        ),
    ] = None,
    sweep: Annotated[
        bool | None,
        typer.Option(
            "--sweep/--no-sweep",
            help="Choose heads and scale by a dose sheet, on questions that are not held out.",
            show_default="on for image tasks, unless --heads or --scale is given",
        ),
    ] = None,
    sweep_questions: Annotated[int, typer.Option(help="Questions of each group that every dose answers.")] = 60,
    doses: Annotated[
        str, typer.Option(help="Numbers of heads on the dose sheet, like 1,2,4,1%; by default up to one head in 32.")
    ] = "",
    scales: Annotated[str, typer.Option(help="Scales on the dose sheet.")] = "0,-1,-2,-3",
    enhance_scales: Annotated[
        str, typer.Option(help="Scales on the dose sheet of an enhancement (captioning).")
    ] = "1.5,2,3,5",
    also: Annotated[str, typer.Option(help="Further numbers of heads to measure at the edit's scale: 8,16,32.")] = "",
    scope: options.ScopeOption = "all",
    controls: Annotated[int, typer.Option(help="Draws of random heads, of the same layers and of any layer.")] = 5,
    other_concept: Annotated[
        str | None,
        typer.Option(
            help="A concept whose best heads are a further control.", show_default="months, shapes for captioning"
        ),
    ] = None,
    positions: Annotated[
        options.PositionsChoice | None,
        typer.Option(help="Positions the ranking reads.", show_default="last, generated for image tasks"),
    ] = None,
    score: options.ScoreOption = "specificity",
    rule: options.RuleOption = "l2",
    n_atoms: options.AtomsOption = 20,
    n_draws: options.DrawsOption = 16,
    multi_token: options.MultiTokenOption = "drop",
    centre: options.CentreOption = True,
    gain: options.GainOption = False,
    max_new_tokens: Annotated[
        int | None, typer.Option(help="Length of the answers.", show_default="12, 32 for captioning")
    ] = None,
    batch_size: options.BatchOption = 64,
    chat: Annotated[
        bool | None,
        typer.Option(
            "--chat/--no-chat", help="Put questions into the chat template.", show_default="on for image tasks"
        ),
    ] = None,
    seed: options.SeedOption = 0,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    revision: options.RevisionOption = None,
    resume: ResumeOption = False,
) -> None:
    """Rank heads, rescale the best ones, compare with random heads on held-out questions, and judge."""
    from headpursuit.analysis import RankConfig
    from headpursuit.studies import usual_config

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
    of_the_task = {
        "heads": heads,
        "scale": scale,
        "sweep": sweep,
        "positions": positions,
        "chat": chat,
        "images": images,
        "selection_images": selection_images,
        "other_concept": other_concept,
        "max_new_tokens": max_new_tokens,
    }
    config = usual_config(
        task,
        model,
        revision=revision,
        scope=scope,
        controls=controls,
        ranking=ranking,
        batch_size=batch_size,
        seed=seed,
        device=device,
        dtype=dtype,
        concept=concept,
        data=data,
        ask=ask,
        skip_bad=skip_bad,
        sweep_questions=sweep_questions,
        doses=doses,
        scales=scales,
        enhance_scales=enhance_scales,
        also=also,
        **{name: value for name, value in of_the_task.items() if value is not None},
    )
    run_study(config, output or Path(f"{task}-{Path(model).name}"), resume=resume)


@one_line_errors
def report(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="A folder written by `study`.")],
) -> None:
    """Render the page and pictures of a study again, without the model."""
    from headpursuit.report import render

    say(f"written: {render(folder)}")


def run_study(config: "StudyConfig", output: Path, *, resume: bool) -> None:
    """Run a study of any kind and show it."""
    from headpursuit.concepts import load_concept
    from headpursuit.studies import CAPTIONING, check_place, find_task, study_captions
    from headpursuit.studies import study as study_answers

    task = find_task(config)
    _ = task.words, load_concept(config.other_concept)  # what is missing is said before the model is loaded
    check_place(output, config, resume=resume)
    model = open_model(config.model, device=config.device, dtype=config.dtype, revision=config.revision)
    say(str(model.certificate))
    run: Callable[..., StudyResult | CaptioningResult]
    run = study_captions if config.task == CAPTIONING else study_answers
    with progress() as advance:
        result = run(model, config, output, task=task, resume=resume, progress=advance)
    show(result, output)
