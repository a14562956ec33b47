"""Compare rankers: rank heads in many ways on some prompts, edit the best of each, and measure on others."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from headpursuit.analysis.rankers import DEFAULT
from headpursuit.models import LanguageModel
from headpursuit.storage import versions
from headpursuit.studies.experiments.rankers.judging import Judged, compare, places
from headpursuit.studies.experiments.rankers.measuring import Orders, Run
from headpursuit.studies.experiments.rankers.oracle import consult
from headpursuit.studies.experiments.rankers.outcomes import by_answers, by_probabilities
from headpursuit.studies.experiments.rankers.result import KIND, RankersResult, TaskComparison, seconds_in
from headpursuit.studies.experiments.rankers.sentences import over_tasks
from headpursuit.studies.experiments.rankers.settings import RankersConfig, command
from headpursuit.studies.figures.statistics import widened
from headpursuit.studies.kernel import alone
from headpursuit.studies.kernel.progress import Progress, silent
from headpursuit.studies.results import Estimate, StudyConfig
from headpursuit.studies.steps.dates import dated
from headpursuit.studies.steps.identity import check_asked
from headpursuit.studies.steps.ranked import check_fits
from headpursuit.studies.tasks import Task


@alone
def compare_rankers(
    model: LanguageModel,
    config: RankersConfig,
    path: Path | str,
    *,
    tasks: Sequence[Task] | None = None,
    studies: Sequence[StudyConfig] | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> RankersResult:
    """Compare ways to rank heads by what editing the best heads of each does on questions that none of them saw.

    Every ranker scores all heads on the task's ranking prompts, most from one capture. For each number of heads and
    each scale the best heads are edited, equal sets of heads once, and measured on held-out questions. A ranker's
    figure is the largest effect among the scales that break nothing else, and 0 where all do. The oracle's edit is
    grown from heads that were rescaled one by one, on questions that are not held out.

    Args:
        model: The model.
        config: Tasks, rankers, heads and scales; see `RankersConfig`.
        path: The folder of the results. Every finished part is kept there at once.
        tasks: What `config.find_tasks()` returned, or tasks of one's own, which `config.tasks` then only name.
        studies: How each task's questions are put; by default as in a study of it.
        resume: Go on with a comparison of the same config in that folder.
        progress: Told about every stage.

    Raises:
        FileExistsError: If the folder exists and `resume` is not asked for.
        ValueError: If the config cannot be carried out, differs from the one to resume, no ranker beside the default
            suits a task, or the unedited model leaves nothing to suppress.
        AnatomyError: If the model's heads cannot be certified.
    """
    folder = Path(path)
    config = dated(model, config, folder, chat=any(config.study(name).chat for name in config.tasks))
    tasks = config.find_tasks() if tasks is None else [config.prepared(task) for task in tasks]
    studies = [config.study(name) for name in config.tasks] if studies is None else studies
    KIND.check(folder, config, resume=resume)
    for task, study in zip(tasks, studies, strict=True):
        config.counts(model.anatomy.n_heads)
        for what, asked in (("ranking prompts", task.ranking_questions), ("held-out questions", task.heldout)):
            if not asked:
                raise ValueError(f"{task.name} has no {what}")
        check_fits(model, task, study, [task.words])
    KIND.begin(folder, config)
    judged = []
    for task, study in zip(tasks, studies, strict=True):
        place = folder / task.name
        place.mkdir(exist_ok=True)
        check_asked(model, task, [task.words], place, study)
        prefix = f"{task.name}: " if len(tasks) > 1 else ""
        run = Run(model, task, task.words, config, study, place, partial(_told, progress, prefix))
        orders, left_out = run.ranked()
        if len(orders) == 1 and left_out:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
            raise ValueError(f"{task.name}: nothing can be compared with {DEFAULT}; {reasons}")
        judged.append(_judged(run, orders, left_out))
    result = _result(model, config, folder, judged)
    return KIND.finish(folder, result, tasks=list(config.tasks), model=config.model)


def _judged(run: Run, orders: Orders, left_out: dict[str, str]) -> Judged:
    """The oracle consulted, every set of heads measured once whoever chose it, and the figures."""
    oracle = consult(run, orders) if run.config.oracle else None
    if isinstance(oracle, str):
        left_out, oracle = left_out | {"screen": oracle}, None
    if oracle is not None:
        orders = orders | oracle.screened
    ordered = (order for several in orders.values() for order in several)
    edits = dict.fromkeys(edit for order in ordered for edit in run.edits(order))
    edits |= dict.fromkeys(oracle.edits if oracle else ())
    outcomes = by_answers(run, edits) if run.generates else by_probabilities(run, edits)
    return compare(run, orders, left_out, outcomes, oracle)


def _told(progress: Progress, prefix: str, stage: str, done: int, total: int) -> None:
    progress(prefix + stage, done, total)


def _result(model: LanguageModel, config: RankersConfig, folder: Path, judged: Sequence[Judged]) -> RankersResult:
    found = tuple(one.comparison for one in judged)
    everywhere = [r.ranker for r in found[0].rows if all(r.ranker in {row.ranker for row in t.rows} for t in found)]
    mean_ranks = _mean_places(found, everywhere)
    shares = {name: _mean_share(name, found) for name in everywhere}
    pooled = {name: _pooled(name, judged) for name in everywhere[1:]}
    return RankersResult(
        config,
        model.anatomy.summary(),
        str(model.certificate),
        command(config, folder),
        versions() | {"device": model.device.type, "dtype": model.dtype},
        found,
        mean_ranks,
        pooled,
        over_tasks(mean_ranks, pooled, shares, len(found)) if len(found) > 1 else (),
        seconds_in(folder),
        {name: share for name, share in shares.items() if share is not None},
    )


def _mean_places(found: Sequence[TaskComparison], names: Sequence[str]) -> dict[str, float]:
    """Mean place of each ranker over tasks and numbers of heads."""
    taken: dict[str, list[float]] = {name: [] for name in names}
    for task in found:
        rows = {row.ranker: row for row in task.rows if row.ranker in taken}
        for i in range(len(task.rows[0].figures)):
            for name, place in places({n: row.figures[i].effect.value for n, row in rows.items()}).items():
                taken[name].append(place)
    return {name: float(np.mean(values)) for name, values in taken.items()}


def _mean_share(name: str, found: Sequence[TaskComparison]) -> float | None:
    """A ranker's share of the ceiling, averaged over the tasks that have one; None where none has."""
    shares = [row.share for task in found for row in task.rows if row.ranker == name and row.share is not None]
    return float(np.mean(shares)) if shares else None


def _pooled(name: str, judged: Sequence[Judged]) -> Estimate:
    """A ranker's effect minus the default's, averaged over tasks, whose facts are resampled apart."""
    default = judged[0].comparison.rows[0].ranker
    rows = [{row.ranker: row.mean.value for row in one.comparison.rows} for one in judged]
    value = float(np.mean([row[name] - row[default] for row in rows]))
    # Tasks with as many facts are resampled with the same numbers; shuffled, they are apart.
    rng = np.random.default_rng(0)
    drawn = np.mean([rng.permutation(one.resampled[name] - one.resampled[default]) for one in judged], axis=0)
    return widened(value, drawn, min(one.n_facts for one in judged))
