"""study, sweep, plan and report."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors, print_table, progress, say
from headpursuit.cli.opening import open_model

if TYPE_CHECKING:
    from headpursuit.studies import StudyConfig

ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with an unfinished study in the output folder.")]


@one_line_errors
def study(
    task: Annotated[
        str,
        typer.Argument(help="What is measured: a task that comes with the package, or a file (.yaml)."),
    ],
    model: Annotated[
        str, typer.Argument(metavar="[MODEL]", help="As for `doctor`; may stand under settings in the file.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder of the results; TASK-MODEL by default.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Images: digits, scenes, mnist, svhn, gtsrb, eurosat, flickr30k, coco, hf:NAME, a folder. For tasks "
            "whose rows come from a data set: a file with the same columns."
        ),
    ] = None,
    concept: Annotated[
        str | None, typer.Option(help="What captions are read for: colours, numbers, shapes, ... or a file of words.")
    ] = None,
    ask: Annotated[
        str | None, typer.Option(help="What is asked about each image, instead of the set's own question.")
    ] = None,
    scorer: Annotated[
        str | None, typer.Option(help="What judges outputs, where the task counts toxicity or sentiment.")
    ] = None,
    images: Annotated[
        int | None, typer.Option(help="Held-out images, at most.", show_default="200, 100 for captioning")
    ] = None,
    selection_images: Annotated[
        int | None, typer.Option(help="Images that choose heads and dose, at most.", show_default="200")
    ] = None,
    skip_bad: Annotated[bool | None, typer.Option("--skip-bad", help="Leave out images that cannot be read.")] = None,
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
            help="Choose heads and scale by a dose sheet, on questions that neither rank heads nor are held out.",
            show_default="on for image tasks and enhancement, unless --heads or --scale is given",
        ),
    ] = None,
    sweep_questions: Annotated[
        int | None, typer.Option(help="Questions of each group that every dose answers.", show_default="60")
    ] = None,
    effect: Annotated[
        float | None,
        typer.Option(
            help="Smallest fall (or rise) of the target score that a dose is recommended for, as a fraction.",
            show_default="0.5, 0.6 for captioning",
        ),
    ] = None,
    damage: Annotated[
        float | None,
        typer.Option(
            help="Largest fraction of right unrelated answers (in captions: of CIDEr) that may be lost.",
            show_default="0.15, 0.2 for captioning",
        ),
    ] = None,
    doses: Annotated[
        str | None,
        typer.Option(help="Numbers of heads on the dose sheet, like 1,2,4,1%; by default up to one head in 32."),
    ] = None,
    scales: Annotated[
        str | None, typer.Option(help="Scales on the dose sheet.", show_default="0,-1,-2,-3; 1.5,2,3,5 to enhance")
    ] = None,
    enhance_scales: Annotated[
        str | None,
        typer.Option(help="Scales on the second dose sheet of captioning, which enhances.", show_default="1.5,2,3,5"),
    ] = None,
    also: Annotated[
        str | None, typer.Option(help="Further numbers of heads to measure at the edit's scale: 8,16,32.")
    ] = None,
    scope: Annotated[str | None, typer.Option(help=options.SCOPE_HELP, show_default="all")] = None,
    controls: Annotated[
        int | None,
        typer.Option(help="Draws of random heads, of the same layers and of any layer.", show_default="5"),
    ] = None,
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
    ranker: Annotated[
        str | None,
        typer.Option(
            help="What puts the heads in order: alignment, direct-attribution, ... (docs/rankers.md).",
            show_default="the score",
        ),
    ] = None,
    score: Annotated[
        options.ScoreChoice | None, typer.Option(help=options.SCORE_HELP, show_default="specificity")
    ] = None,
    rule: Annotated[options.RuleChoice | None, typer.Option(help=options.RULE_HELP, show_default="l2")] = None,
    n_atoms: Annotated[int | None, typer.Option(help="Atoms chosen per dictionary.", show_default="20")] = None,
    n_draws: Annotated[int | None, typer.Option(help="Random dictionaries to compare with.", show_default="16")] = None,
    null: Annotated[
        options.NullChoice | None, typer.Option("--null", help=options.NULL_HELP, show_default="any")
    ] = None,
    multi_token: Annotated[
        options.MultiTokenChoice | None, typer.Option(help=options.MULTI_TOKEN_HELP, show_default="drop")
    ] = None,
    centre: Annotated[
        bool | None,
        typer.Option(
            "--centre/--no-centre", help="Subtract what a head writes on average first.", show_default="centre"
        ),
    ] = None,
    gain: Annotated[
        bool | None, typer.Option("--gain", help="Multiply token directions by the final norm's gain.")
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(help="Length of the answers.", show_default="12, 32 for captioning")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Prompts per batch.", show_default="64")] = None,
    chat: Annotated[
        bool | None,
        typer.Option(
            "--chat/--no-chat", help="Put questions into the chat template.", show_default="on for image tasks"
        ),
    ] = None,
    system: Annotated[str | None, typer.Option(help="A system prompt, in the chat template.")] = None,
    template_args: Annotated[
        str | None, typer.Option(help="Settings of the chat template, like enable_thinking=false; or JSON.")
    ] = None,
    date: options.OwnDateOption = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.", show_default="0")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, mps, ...", show_default="auto")] = None,
    dtype: Annotated[options.DtypeChoice | None, typer.Option(help="auto is float32 on a CPU.")] = None,
    revision: options.RevisionOption = None,
    resume: ResumeOption = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what it will cost, measured on a few batches.")
    ] = False,
) -> None:
    """Rank heads, rescale the best ones, compare with random heads on held-out questions, and judge."""
    from headpursuit.studies import usual_config

    given = {name: value for name, value in locals().items() if name in _SETTINGS and value is not None}
    config = usual_config(task, model, **given)
    if plan:
        show_plan(config)
    else:
        run_study(config, output or _place(task, config.model), resume=resume)


_SETTINGS = frozenset(inspect.signature(study).parameters) - {"task", "model", "output", "resume", "plan"}
"""What goes into a study's settings by the same name."""


def _like_study(name: str, summary: str, **fixed: Any) -> Callable[..., None]:
    """A command with the options of `study`, some of them fixed."""

    @functools.wraps(study)
    def command(**given: Any) -> None:
        study(**given, **fixed)

    whole = inspect.signature(study)
    left = [parameter for parameter in whole.parameters.values() if parameter.name not in fixed]
    command.__signature__ = whole.replace(parameters=left)  # type: ignore[attr-defined]
    command.__name__, command.__doc__ = name, summary
    return command


sweep = _like_study(
    "sweep",
    "Measure numbers of heads by scales on a dose sheet, recommend the smallest edit that does enough and breaks "
    "nothing else, and confirm it on held-out questions.",
    sweep=True,
)
plan = _like_study(
    "plan",
    "Say what a study will cost: forward passes, tokens, and minutes measured here.",
    plan=True,
    output=None,
    resume=False,
)


def _place(task: str, model: str) -> Path:
    """The folder of the results where none is named."""
    return Path(f"{Path(task).stem}-{Path(model).name}")


@one_line_errors
def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="A finished folder of `study`, `sweep`, `sensitivity`, `transfer`, `rankers`, `lm-eval` or `atlas`.",
        ),
    ],
) -> None:
    """Render the page and pictures of a finished study of any kind, or of an atlas, again, without the model."""
    from headpursuit.report import render

    say(f"written: {render(folder)}")


def show_plan(config: "StudyConfig") -> None:
    """Measure what a study will cost on this machine, and print it."""
    from headpursuit.concepts import load_concept
    from headpursuit.studies import find_task
    from headpursuit.studies.planning import plan_study

    task = find_task(config)
    _ = task.words, load_concept(config.other_concept)
    model = open_model(config.model, device=config.device, dtype=config.dtype, revision=config.revision)
    with progress() as advance:
        found = plan_study(model, task, config, progress=advance)
    rows = [
        (part.name, str(part.runs), f"{part.forwards:,}", f"{part.tokens:,}", f"{part.minutes:.1f}")
        for part in (*found.parts, found.whole)
    ]
    columns = ("part", ">runs", ">forward passes", ">tokens", ">minutes")
    print_table(f"what `study` will cost here, at most: {config.task} on {config.model}", columns, rows)
    for remark in found.remarks:
        say(remark)


def run_study(config: "StudyConfig", output: Path, *, resume: bool) -> None:
    """Run a study of any kind and show it."""
    running.run_experiment(study_of(config), config, output, resume=resume)


def study_of(config: "StudyConfig") -> Any:
    """The experiment that a study's settings are of."""
    from headpursuit.registry import experiment
    from headpursuit.studies import CAPTIONING

    return experiment("captions" if config.task == CAPTIONING else "answers")
