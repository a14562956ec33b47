"""sensitivity: how much a ranking depends on its word list."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headpursuit.cli import options
from headpursuit.cli.console import one_line_errors, print_table, progress, say
from headpursuit.cli.opening import open_captured

if TYPE_CHECKING:
    from headpursuit.studies.sensitivity import Agreement, SensitivityConfig, SensitivityResult


@one_line_errors
def sensitivity(
    capture: options.CaptureArgument,
    concept: options.ConceptOption,
    output: options.OutputOption,
    task: Annotated[
        str, typer.Option(help="Measure the lists' edits on this task's held-out questions too: countries-qa.")
    ] = "",
    synonyms: Annotated[
        str, typer.Option(help="A file of synonyms, one line per word: word, synonym, synonym.", show_default=False)
    ] = "",
    heads: Annotated[str, typer.Option(help="How many heads an edit takes: a number, or a percentage of all.")] = "1%",
    scale: Annotated[float, typer.Option(help="What they are multiplied by, where a task is measured.")] = -1.0,
    fractions: Annotated[str, typer.Option(help="Percentages of the words to keep.")] = "10,25,50,75,90",
    additions: Annotated[str, typer.Option(help="Off-concept words to add, in percent of the list.")] = "10,25,50",
    repeats: Annotated[int, typer.Option(help="Draws of everything that is drawn.")] = 10,
    stable: Annotated[float, typer.Option(help="The mean overlap that counts as agreement.")] = 0.8,
    suggestions: Annotated[int, typer.Option(help="Words to suggest; none is added.")] = 20,
    questions: Annotated[int, typer.Option(help="Questions of each group that every edit answers, at most.")] = 60,
    score: options.ScoreOption = "specificity",
    rule: options.RuleOption = "l2",
    n_atoms: options.AtomsOption = 20,
    n_draws: options.DrawsOption = 16,
    null: options.NullOption = "any",
    multi_token: options.MultiTokenOption = "drop",
    centre: options.CentreOption = True,
    gain: options.GainOption = False,
    chat: options.ChatOption = False,
    max_new_tokens: Annotated[int, typer.Option(help="Length of the answers.")] = 12,
    batch_size: options.BatchOption = 64,
    seed: options.SeedOption = 0,
    model: options.CapturedModelOption = None,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished one in the output folder.")
    ] = False,
) -> None:
    """Ask how much a ranking depends on its word list: fewer words, wrong words, other words, other spellings."""
    from headpursuit.analysis import Capture, RankConfig
    from headpursuit.studies.sensitivity import SensitivityConfig

    identity = Capture.load(capture).identity
    ranking = RankConfig(
        score=score,
        rule=rule,
        n_atoms=n_atoms,
        centre=centre,
        gain=gain,
        n_draws=n_draws,
        null=null,
        multi_token=multi_token,
        seed=seed,
    )
    config = SensitivityConfig(
        concept=concept,
        capture=str(capture),
        model=model or identity.model,
        revision=None if model else identity.revision,
        ranking=ranking,
        heads=heads,
        fractions=fractions,
        additions=additions,
        repeats=repeats,
        stable=stable,
        suggestions=suggestions,
        synonyms=synonyms,
        task=task,
        scale=scale,
        questions=questions,
        chat=chat,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        seed=seed,
        device=device,
        dtype=dtype,
    )
    _run(config, model, output, resume=resume)


def _run(config: "SensitivityConfig", model: str | None, output: Path, *, resume: bool) -> None:
    """Check what can be checked without the model, run, print, and write the page."""
    from headpursuit.concepts import load_concept
    from headpursuit.report import render_sensitivity
    from headpursuit.studies import find_task, usual_config
    from headpursuit.studies.sensitivity import check_inputs, read_synonyms, study_sensitivity
    from headpursuit.studies.sensitivity.result import KIND

    words = load_concept(config.concept)
    task = find_task(usual_config(config.task, config.model or "captured")) if config.task else None
    check_inputs(words, task, config)
    if config.synonyms:
        read_synonyms(config.synonyms, words)
    KIND.check(output, config, resume=resume)
    captured, loaded = open_captured(Path(config.capture), model, config.device, config.dtype, None)
    with progress() as advance:
        result = study_sensitivity(
            loaded, captured, config, output, concept=words, task=task, resume=resume, progress=advance
        )
    _show(result)
    say(f"\nreport: {render_sensitivity(output)}")


def _show(result: "SensitivityResult") -> None:
    k, more = result.edit_heads, result.more_heads
    columns = ["list", ">draws", ">tokens", f">best {k}", f">best {more}", ">Spearman"]
    columns += [">effect", ">broken"] if result.measured else []  # what else there is does not fit into 80 columns
    print_table(
        f"{result.concept}: agreement with the ranking of the full list ({result.n_known} words, {result.n_tokens} "
        f"tokens); by chance {result.chance:.2f} of the best {k}, {result.chance_more:.2f} of the best {more}",
        columns,
        [_row(a) for a in result.agreements],
    )
    if result.suggestions:
        words = ", ".join(f"{s.word} {s.score:.2f}" for s in result.suggestions)
        say(f"words that may be missing (nothing was added): {words}")
    for remark in result.remarks:
        say(remark)
    say(f"\n{result.outcome.upper()}: {result.sentence}", "bold")
    if result.measured:
        say(result.measured.sentence, "bold")


def _row(a: "Agreement") -> tuple[str, ...]:
    effect = (f"{a.effect.target.value:.2f}", f"{a.effect.broken:.0%}") if a.effect else ()
    return (
        a.label,
        str(a.n_draws),
        f"{a.n_tokens:.0f}",
        str(a.overlap),
        f"{a.overlap_more.value:.2f}",
        f"{a.spearman.value:.2f}",
        *effect,
    )
