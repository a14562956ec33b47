"""A screen: what rescaling each head by itself does to a task, to unrelated answers and to neutral text."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headpursuit.analysis import Ranking, count_of, versions
from headpursuit.heads import Head, parse_scope
from headpursuit.models import LanguageModel, replay_refusal
from headpursuit.settings import written
from headpursuit.studies.causal.measuring import probabilities
from headpursuit.studies.causal.screening import MATTERS, HeadEffect, Role, choosing_questions, role_of, screen_heads
from headpursuit.studies.experiments.screen.config import ScreenConfig, command
from headpursuit.studies.judging.terms import WORDS, percent
from headpursuit.studies.kernel import Experiment, Line, Loadable, ResultKind, Shown, Table, alone, lacking
from headpursuit.studies.kernel.progress import Progress, silent
from headpursuit.studies.settings import check_side, find_task
from headpursuit.studies.steps.dates import dated
from headpursuit.studies.steps.identity import check_asked
from headpursuit.studies.steps.ranked import capture_config, captured, check_fits, ranked
from headpursuit.studies.tasks import Direction, Question, Task

WRITES = 0.05
"""The false-discovery rate at which a head counts as writing the concept."""

_ROWS = 12


@dataclass(frozen=True)
class HeadWrites:
    """The figures of what a head writes, as the ranking has them."""

    head: Head
    score: float
    """The ranking's score."""
    q: float | None
    """The false-discovery rate at which it would just be found."""
    role: Role


@dataclass(frozen=True)
class ScreenResult(Loadable):
    """The effects of every head, beside what it writes."""

    config: ScreenConfig
    command: str
    """The command that runs it again."""
    concept: str
    direction: Direction
    model_summary: str
    what: str
    """The tokens followed of each question, in words, such as `the right answers`."""
    n_target: int
    n_unrelated: int
    n_left_out: int
    """Target questions without a right answer to follow."""
    base_target: float
    """About the fraction of target questions that the unedited model answers rightly, as margins say it; where the
    concept's tokens are followed, their mean probability."""
    base_unrelated: float
    """The same of unrelated ones."""
    score: str
    """The score of what heads write."""
    effects: tuple[HeadEffect, ...]
    """Of every head that was screened, at every scale; layer by layer."""
    writes: tuple[HeadWrites, ...]
    """In the order of the ranking."""
    passes: float
    """Whole passes over all questions that the screen took the work of."""
    plain: str
    """The reason that every pass was a whole one; empty where passes began at the edited layer."""
    sentences: tuple[str, ...]
    """The findings, in plain words."""
    versions: dict[str, str]
    kept: str = ""
    """The memory that replays took, in a sentence; empty in results of older versions."""

    def __post_init__(self) -> None:
        if reason := lacking((found.head for found in self.effects), {str(each.head) for each in self.writes}):
            raise ValueError(f"writes {reason}")

    @property
    def taken(self) -> str:
        """The name of the effect."""
        return "target taken" if self.direction == "suppress" else "target added"

    @property
    def best(self) -> tuple[HeadEffect, ...]:
        """One for each head, the scale that does most beyond its damage; best first."""
        by_head: dict[Head, HeadEffect] = {}
        for found in sorted(self.effects, key=lambda e: -e.value):
            by_head.setdefault(found.head, found)
        return tuple(by_head.values())


KIND = ResultKind("screen", ScreenConfig, ScreenResult)
"""A screen on disk."""


def prepare(config: ScreenConfig) -> dict[str, Any]:
    """The task; whatever is missing is refused before a model is loaded."""
    task = find_task(config.study, grow=True)
    _asked(task, config)
    return {"task": task}


def _asked(task: Task, config: ScreenConfig) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """The target and the unrelated questions."""
    check_side(config.scales, task.direction, f"`scales` is {written(config.scales)}")
    return choosing_questions(task, config.questions, config.seed)


@alone
def screen(
    model: LanguageModel,
    config: ScreenConfig,
    path: Path | str,
    *,
    task: Task | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> ScreenResult:
    """Rescale heads one by one, and measure what that does on questions that choose heads, never on held-out ones.

    Args:
        model: The model.
        config: The task, scales and heads.
        path: The folder of the results; each attention's figures are kept in it as they finish.
        task: The task at hand, which `config.task` then only names.
        resume: Go on with what is unfinished in that folder.
        progress: Told about every stage.

    Raises:
        FileExistsError: If the folder exists and `resume` is not asked for.
        ValueError: If the config cannot be carried out, there are too few questions or no right answers to follow, or
            a probability is undefined.
        AnatomyError: If the model's heads cannot be certified.
    """
    folder = Path(path)
    config = dated(model, config, folder, chat=config.study.chat)
    study = config.study
    task = (task or find_task(study, grow=True)).split_for(sweep=True, grow=True)
    KIND.check(folder, config, resume=resume)
    target, unrelated = _asked(task, config)
    n_heads = count_of(config.among or model.anatomy.n_heads, model.anatomy.n_heads)
    check_fits(model, task, study, (task.words,))
    KIND.begin(folder, config)
    check_asked(model, task, (task.words,), folder)
    prompts = captured(model, task, capture_config(study), folder, progress)
    ranking = ranked(model, task, task.words, study, prompts, folder / "ranking.json")
    measured = probabilities(model, task, target, unrelated, study)
    effects = screen_heads(
        measured,
        model.anatomy.sites,
        frozenset(ranking.top(n_heads)),
        config.scales,
        parse_scope(config.scope),
        folder / "heads",
        progress,
    )
    writes = _writes(ranking, effects)
    result = ScreenResult(
        config,
        command(config, folder),
        task.words.name,
        task.direction,
        model.anatomy.summary(),
        measured.followed[0].what,
        len(measured.followed[0].questions),
        len(measured.followed[1].questions),
        measured.followed[0].n_left_out,
        float(measured.base.target.right.mean()),
        float(measured.base.unrelated.right.mean()),
        ranking.score,
        effects,
        writes,
        sum(measured.target.share(effect.edit) for effect in effects),
        replay_refusal(model),
        _sentences(effects, writes, task, measured.followed[0].what),
        versions() | {"device": model.device.type, "dtype": model.dtype},
        measured.kept,
    )
    return KIND.finish(folder, result, task=task.name, model=config.model)


def _writes(ranking: Ranking, effects: Sequence[HeadEffect]) -> tuple[HeadWrites, ...]:
    matters = {found.head: False for found in effects} | {found.head: True for found in effects if found.matters}
    scores = ranking.by_head()
    return tuple(
        HeadWrites(
            entry.head,
            scores[entry.head],
            entry.q,
            role_of(entry.q is not None and entry.q <= WRITES, matters[entry.head]),
        )
        for entry in ranking.entries
        if entry.head in matters
    )


def _sentences(effects: Sequence[HeadEffect], writes: Sequence[HeadWrites], task: Task, what: str) -> tuple[str, ...]:
    counts = Counter(each.role for each in writes)
    verb = WORDS[task.direction].verb
    found = (
        f"Of {len(writes)} heads, {counts[Role.BOTH]} write {task.words.name} (q <= {WRITES:g}) and {verb} {what} by "
        f"{percent(MATTERS)} or more when they are rescaled alone, {counts[Role.WRITES]} write it and do not, "
        f"{counts[Role.MATTERS]} do and do not write it."
    )
    best = max(effects, key=lambda e: e.value)
    most = (
        f"{best.head} × {best.scale:g} does most beyond its damage: it can {verb} {what} by "
        f"{percent(best.effect.value)} ({percent(best.effect.low)} to {percent(best.effect.high)}), at a loss of "
        f"{percent(best.loss.value)} of the unrelated ones (up to {percent(best.loss.high)})."
    )
    warning = (
        "These are the questions that heads are chosen on: what an edit does is measured on held-out ones, by "
        "`headpursuit study --by effect`."
    )
    return found, most, warning


def shown(result: ScreenResult) -> Iterator[Shown]:
    """The heads that do most beyond their damage, beside what they write."""
    writes = {each.head: each for each in result.writes}
    rows = [
        (
            str(found.head),
            f"{found.scale:g}",
            str(found.effect),
            str(found.loss),
            f"{found.kl.value:.3f}",
            f"{writes[found.head].score:.3f}",
            str(writes[found.head].role),
        )
        for found in result.best[:_ROWS]
    ]
    columns = ("head", ">scale", f">{result.taken}", ">unrelated lost", ">KL", f">{result.score}", "role")
    title = (
        f"{result.concept}: heads rescaled one by one; {result.what}, right before: {result.base_target:.2f} of "
        f"{result.n_target} target, {result.base_unrelated:.2f} of {result.n_unrelated} unrelated questions"
    )
    yield Table(title, columns, tuple(rows))
    yield from (Line(text, strong=number == 0) for number, text in enumerate(result.sentences))
    if result.plain:
        yield Line(f"Every pass was a whole one: {result.plain}.")
    elif result.kept:
        yield Line(result.kept)


EXPERIMENT = Experiment("screen", KIND, screen, shown, command, prepare)
