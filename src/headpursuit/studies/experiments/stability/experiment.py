"""A stability card: one capture, ranked anew with resampled prompts, single phrasings, other settings, other seeds."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch

from headpursuit.analysis import Capture, count_of, versions
from headpursuit.analysis.nulls import null_dictionaries
from headpursuit.analysis.ranking_heads import rank_each
from headpursuit.concepts import Concept
from headpursuit.models import ConceptTokens, LanguageModel, tokens_of, unembedding
from headpursuit.settings import Null, Positions, RankConfig, Rule
from headpursuit.studies.experiments.stability.config import StabilityConfig, command
from headpursuit.studies.experiments.stability.result import (
    KIND,
    Alternative,
    StabilityResult,
    StabilityRow,
    Variant,
    VariantKind,
)
from headpursuit.studies.figures.firmness import FEWEST_FACTS, firmness, jaccard, often
from headpursuit.studies.figures.statistics import bootstrap
from headpursuit.studies.kernel import Experiment, Line, Parts, Shown, Table, alone
from headpursuit.studies.kernel.progress import Progress, silent
from headpursuit.studies.results import Firmness
from headpursuit.studies.settings import find_task
from headpursuit.studies.steps.dates import dated
from headpursuit.studies.steps.identity import check_asked
from headpursuit.studies.steps.ranked import capture_config, captured, check_fits
from headpursuit.studies.steps.resampling import bootstraps, by_phrasing, of_rows
from headpursuit.studies.tasks import Task

MOST_POSITIONS = 100_000
"""Captured positions that are kept one by one."""

_ROWS = 12


def prepare(config: StabilityConfig) -> dict[str, Any]:
    """The task; too few facts are refused before a model is loaded."""
    task = find_task(config.study)
    _check_facts(_ranked_on(task, config))
    return {"task": task}


def _ranked_on(task: Task, config: StabilityConfig) -> Task:
    """The task, with the ranking prompts that its study has."""
    return task.split_for(sweep=config.study.sweep)


def _check_facts(task: Task) -> None:
    facts = len({question.fact for question in task.ranking_questions})
    if facts < FEWEST_FACTS:
        raise ValueError(
            f"{task.name} has ranking prompts about {facts} facts; a stability card resamples facts and needs at least "
            f"{FEWEST_FACTS}"
        )


@alone
def study_stability(
    model: LanguageModel,
    config: StabilityConfig,
    path: Path | str,
    *,
    task: Task | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> StabilityResult:
    """Say how much of a ranking's best heads hangs on its prompts, phrasings, settings and seeds.

    Prompts are captured once, with every position kept; a further capture is made of other positions.

    Args:
        model: The model.
        config: The task, and what is varied how often.
        path: The folder of the results; each ranking's best heads are kept in it as they are found.
        task: The task at hand, which `config.task` then only names.
        resume: Go on with what is unfinished in that folder.
        progress: Told about every stage.

    Raises:
        FileExistsError: If the folder exists and `resume` is not asked for.
        ValueError: If there are too few facts, or the config cannot be carried out.
        AnatomyError: If the model's heads cannot be certified.
    """
    folder = Path(path)
    config = dated(model, config, folder, chat=config.study.chat)
    task = _ranked_on(task or find_task(config.study), config)
    _check_facts(task)
    KIND.check(folder, config, resume=resume)
    n_heads = count_of(config.heads, model.anatomy.n_heads)
    check_fits(model, task, config.study, (task.words,))
    KIND.begin(folder, config)
    check_asked(model, task, (task.words,), folder)
    found = _Rankings(model, task, config, n_heads, folder, progress).variants()
    reference, *others = found
    rows = tuple(_rows(reference, others, config))
    word = word_of(rows, config.stable)
    named = often([variant.heads for variant in others if variant.kind == "prompts"])
    result = StabilityResult(
        config,
        command(config, folder),
        task.words.name,
        model.anatomy.summary(),
        len(task.ranking_questions),
        len({question.fact for question in task.ranking_questions}),
        reference.heads,
        rows,
        tuple(Alternative(v.kind, v.name, v.heads, jaccard(reference.heads, v.heads)) for v in others),
        named,
        word,
        tuple(_sentences(task, reference, rows, named, word, config)),
        versions() | {"device": model.device.type, "dtype": model.dtype},
    )
    return KIND.finish(folder, result, task=task.name, model=config.model)


class _Rankings:
    """Ranks the concept and the null lists together, on every capture and with every setting."""

    def __init__(
        self, model: LanguageModel, task: Task, config: StabilityConfig, n_heads: int, folder: Path, progress: Progress
    ) -> None:
        self._model, self._task, self._config, self._n_heads = model, task, config, n_heads
        self._folder, self._progress = folder, progress
        self._capture = self._captured(config.study.positions, folder, MOST_POSITIONS)
        self._lists = [tokens_of(model, task.words, config.ranking.multi_token)]
        self._lists += self._nulls(self._lists[0])

    def _captured(self, positions: Positions, folder: Path, samples: int | None = None) -> Capture:
        """A capture of some positions; with samples, its prompts can be drawn again."""
        study = replace(self._config.study, positions=positions)
        return captured(self._model, self._task, capture_config(study, samples), folder, self._progress)

    def _nulls(self, concept: ConceptTokens) -> list[ConceptTokens]:
        """As many random tokens as the concept has; of other seeds than those that rankings compare with."""
        how, ids = self._config.ranking, torch.tensor(concept.token_ids)
        directions = unembedding(self._model, gain=how.gain).vectors
        seed = self._config.seed + 10_000
        drawn = null_dictionaries(self._model, directions, ids, how.null, self._config.null_lists, seed)
        names = (Concept(f"random tokens {number}", ("-",)) for number in range(1, len(drawn) + 1))
        return [ConceptTokens(name, (), tuple(sorted(row))) for name, row in zip(names, drawn.tolist(), strict=True)]

    def variants(self) -> list[Variant]:
        """The reference first; each is kept as it is found."""
        planned = list(self._planned())
        parts = Parts(self._folder / "variants", Variant, self._progress, "rank again", len(planned))
        made = []
        for number, (kind, name, capture, how) in enumerate(planned):
            run = partial(self._variant, kind, name, capture, how)
            made.append(parts.part(f"{number:03d}-{kind}", run))
        return made

    def _planned(self) -> Iterator[tuple[VariantKind, str, Any, RankConfig]]:
        """Kind and name, what makes the capture, and the settings of the ranking."""
        config, how, questions = self._config, self._config.ranking, self._task.ranking_questions
        whole = partial(of_rows, self._capture)
        everything = torch.arange(self._capture.n_samples)
        yield "reference", "all prompts", partial(whole, everything), how
        for number, rows in enumerate(bootstraps(self._capture, questions, config.bootstraps, config.seed), start=1):
            yield "prompts", f"bootstrap {number}", partial(whole, rows), how
        for phrasing, rows in by_phrasing(self._capture, questions).items():
            yield "phrasings", phrasing, partial(whole, rows), how
        for name, changed in other_settings(how):
            yield "settings", name, partial(whole, everything), changed
        positions: Positions = "prompt" if config.study.positions == "last" else "last"
        yield "settings", f"positions {positions}", partial(self._captured, positions, self._folder / positions), how
        for seed in range(config.seed + 1, config.seed + 1 + config.seeds):
            yield "seeds", f"seed {seed}", partial(whole, everything), replace(how, seed=seed)

    def _variant(self, kind: VariantKind, name: str, capture: Any, how: RankConfig) -> Variant:
        rankings = rank_each(self._model, capture(), self._lists, how)
        concept, *nulls = (tuple(map(str, ranking.top(self._n_heads))) for ranking in rankings)
        return Variant(kind, name, concept, tuple(nulls))


def other_settings(how: RankConfig) -> Iterator[tuple[str, RankConfig]]:
    """Settings that a ranking might as well have had, one changed at a time."""
    for rule in get_args(Rule):
        if rule != how.rule:
            yield f"rule {rule}", replace(how, rule=rule)
    yield ("not centred" if how.centre else "centred"), replace(how, centre=not how.centre)
    yield ("without gain" if how.gain else "with gain"), replace(how, gain=not how.gain)
    if how.n_atoms > 1:
        yield f"{how.n_atoms // 2} atoms", replace(how, n_atoms=how.n_atoms // 2)
    for null in get_args(Null):
        if null != how.null:
            yield f"null {null}", replace(how, null=null)


def _rows(reference: Variant, others: Sequence[Variant], config: StabilityConfig) -> Iterator[StabilityRow]:
    for kind in dict.fromkeys(variant.kind for variant in others):
        alike = [variant for variant in others if variant.kind == kind]
        values = [jaccard(reference.heads, variant.heads) for variant in alike]
        nulls = [
            (jaccard(ours, theirs), f"list {i}")
            for variant in alike
            for i, (ours, theirs) in enumerate(zip(reference.null_heads, variant.null_heads, strict=True))
        ]
        found = bootstrap(values, [variant.name for variant in alike], config.seed)
        of_nulls = bootstrap([value for value, _ in nulls], [name for _, name in nulls], config.seed)
        yield StabilityRow(kind, len(alike), found, of_nulls, firmness(found, config.stable))


def word_of(rows: Sequence[StabilityRow], line: float) -> Firmness:
    """The word for the whole card.

    Stable if resampled prompts are, and the mean of every other row reaches the line; unstable if any row is; else
    undecided. Other rows have few variants, so that their intervals alone could hardly say stable.
    """
    if any(row.word == Firmness.UNSTABLE for row in rows):
        return Firmness.UNSTABLE
    (prompts,) = (row for row in rows if row.kind == "prompts")
    reached = all(row.jaccard.value >= line for row in rows)
    return Firmness.STABLE if prompts.word == Firmness.STABLE and reached else Firmness.UNDECIDED


_VARIED: dict[VariantKind, str] = {
    "prompts": "resampled prompts",
    "phrasings": "the prompts of one phrasing",
    "settings": "another setting",
    "seeds": "another seed",
}


def _sentences(
    task: Task,
    reference: Variant,
    rows: Sequence[StabilityRow],
    often: dict[str, float],
    word: Firmness,
    config: StabilityConfig,
) -> Iterator[str]:
    n = len(reference.heads)
    which = "best head" if n == 1 else f"{n} best heads"
    indices = ", ".join(f"{row.jaccard} with {_VARIED[row.kind]}" for row in rows)
    yield (
        f"The {which} for {task.words.name} are {word}: the mean Jaccard index with {', '.join(reference.heads)} is "
        f"{indices} (line {config.stable:g})."
    )
    of_nulls = ", ".join(f"{row.null.value:.2f}" for row in rows)
    yield (
        f"Lists of random tokens, each beside its own {which}, reach {of_nulls}: were they as stable, that would "
        "say nothing about the concept."
    )
    never = [head for head in reference.heads if often.get(head, 0.0) < config.stable]
    if never:
        shares = ", ".join(f"{head} in {often.get(head, 0.0):.0%}" for head in never)
        yield f"Of the bootstraps, {shares} have it among their best."


def shown(result: StabilityResult) -> Iterator[Shown]:
    """A row for each thing that is varied, what changed the heads, and the finding."""
    rows = [(row.kind, str(row.n_variants), str(row.jaccard), str(row.null), str(row.word)) for row in result.rows]
    title = f"{result.concept}: {len(result.heads)} best heads, ranked on {result.n_prompts} prompts anew"
    yield Table(title, ("varied", ">variants", ">Jaccard", ">random tokens", "word"), tuple(rows))
    changed = [each for each in result.alternatives if each.jaccard < 1 and each.kind != "prompts"][:_ROWS]
    if changed:
        other = tuple((each.kind, each.name, f"{each.jaccard:.2f}", " ".join(each.heads)) for each in changed)
        yield Table("other heads with", ("varied", "", ">Jaccard", "heads"), other)
    yield from (Line(text, strong=number == 0) for number, text in enumerate(result.sentences))


EXPERIMENT = Experiment("stability", KIND, study_stability, shown, command, prepare)
