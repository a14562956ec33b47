"""sensitivity: how much a ranking depends on its word list."""

from typing import Annotated

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import one_line_errors


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
    system: options.SystemOption = "",
    template_args: options.TemplateArgsOption = "",
    date: options.DateOption = "",
    max_new_tokens: Annotated[int, typer.Option(help="Length of the answers.")] = 12,
    batch_size: options.BatchOption = 64,
    seed: options.SeedOption = 0,
    model: options.CapturedModelOption = None,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    revision: options.RevisionOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished one in the output folder.")
    ] = False,
) -> None:
    """Ask how much a ranking depends on its word list: fewer words, wrong words, other words, other spellings."""
    from headpursuit.analysis import Capture, RankConfig
    from headpursuit.registry import experiment
    from headpursuit.studies.experiments.sensitivity import SensitivityConfig

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
        revision=revision if model or revision else identity.revision,
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
        system=system,
        template_args=template_args,
        date=date,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        seed=seed,
        device=device,
        dtype=dtype,
    )
    running.run_experiment(experiment("sensitivity"), config, output, resume=resume)
