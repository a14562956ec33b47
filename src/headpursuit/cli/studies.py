"""study, sweep, plan and report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors, print_table, progress, say
from headpursuit.cli.opening import open_model
from headpursuit.cli.settings import given_in, with_settings

if TYPE_CHECKING:
    from headpursuit.studies import StudyConfig

OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="The folder of the results; TASK-MODEL by default.")
]
PlanOption = Annotated[bool, typer.Option("--plan", help="Only say what it will cost, measured on a few batches.")]

RegisterOption = Annotated[
    bool,
    typer.Option(
        "--register",
        help="Only write settings, splits, thresholds and their hash; --resume then carries the plan out.",
    ),
]

STUDY = with_settings("studies.config:StudyConfig")
SWEEP = with_settings("studies.config:StudyConfig", without=("sweep",))


@one_line_errors
def study(
    ctx: typer.Context,
    output: OutputOption = None,
    resume: options.ResumeOption = False,
    plan: PlanOption = False,
    register: RegisterOption = False,
) -> None:
    """Rank heads, rescale the best ones, compare with random heads on held-out questions, and judge."""
    if register and (resume or plan):
        raise ValueError("--register begins a study and measures nothing; leave --resume and --plan out")
    if register:
        _register(given_in(ctx), output)
    else:
        _study(given_in(ctx), output, resume=resume, plan=plan)


@one_line_errors
def sweep(
    ctx: typer.Context, output: OutputOption = None, resume: options.ResumeOption = False, plan: PlanOption = False
) -> None:
    """Measure numbers of heads by scales on a dose sheet, and confirm an edit on held-out questions.

    The edit is the smallest that does enough and breaks nothing else.
    """
    _study(given_in(ctx) | {"sweep": True}, output, resume=resume, plan=plan)


@one_line_errors
def plan(ctx: typer.Context) -> None:
    """Say what a study will cost: forward passes, tokens, and minutes measured here."""
    _study(given_in(ctx), None, resume=False, plan=True)


def _study(settings: dict[str, Any], output: Path | None, *, resume: bool, plan: bool) -> None:
    from headpursuit.studies import StudyConfig
    from headpursuit.studies.running import usual_folder

    config = StudyConfig(**settings)
    if plan:
        show_plan(config)
    else:
        run_study(config, output or usual_folder(settings["task"], config.model), resume=resume)


def _register(settings: dict[str, Any], output: Path | None) -> None:
    from headpursuit.studies import StudyConfig, register_study
    from headpursuit.studies.running import usual_folder

    config = StudyConfig(**settings)
    folder = output or usual_folder(settings["task"], config.model)
    plan = register_study(config, folder)
    splits = ", ".join(f"{one.n_questions} {name}" for name, one in plan.splits.items())
    say(f"registered: {folder / 'registration.json'} ({splits} questions)")
    say(f"SHA-256 {plan.sha256}")
    say("nothing was measured; the same command with --resume in place of --register carries it out")


@one_line_errors
def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="A finished folder of `study`, of any other experiment, or of `atlas`.",
        ),
    ],
) -> None:
    """Render the page and pictures of a finished study of any kind, or of an atlas, again, without the model."""
    from headpursuit.report import render

    say(f"written: {render(folder)}")


def show_plan(config: "StudyConfig") -> None:
    """Measure what a study will cost on this machine, and print it."""
    from headpursuit.studies.planning import plan_study
    from headpursuit.studies.settings import prepare

    task = prepare(config)["task"]
    model = open_model(
        config.model, device=config.device, dtype=config.dtype, revision=config.revision, anatomy=config.anatomy
    )
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
    from headpursuit.studies.running import experiment_of

    running.run_experiment(experiment_of(config), config, output, resume=resume)
