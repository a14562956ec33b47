"""A study's best heads, ranked anew of resampled prompts, from the capture that it has."""

from functools import partial

from jaxtyping import Int
from torch import Tensor

from headpursuit.analysis import Ranking, rank
from headpursuit.studies.figures.firmness import FEWEST_FACTS, LINE, firmness, jaccard, often
from headpursuit.studies.figures.statistics import bootstrap
from headpursuit.studies.kernel import Parts
from headpursuit.studies.results import Steadiness
from headpursuit.studies.steps.resampling import bootstraps, of_rows
from headpursuit.studies.steps.study_run import StudyRun


def steadiness(run: StudyRun, n_heads: int) -> tuple[Steadiness | None, str]:
    """The best heads of resampled prompts beside those of all, or a remark on why there are none.

    No prompt is read again. Heads that a ranker or their effect put in order have none: only pursuit ranks a capture.

    Args:
        run: The study, whose capture kept its positions one by one.
        n_heads: The number of best heads.
    """
    config, capture, questions = run.config, run.capture, run.task.ranking_questions
    if not config.bootstraps or config.ranker or config.by == "effect":
        return None, ""
    n_facts = len({question.fact for question in questions})
    if n_facts < FEWEST_FACTS:
        return None, f"Too few facts to resample the ranking prompts: {n_facts}, where {FEWEST_FACTS} are needed."
    if capture.samples is None or len(capture.samples) < capture.n_samples:
        return None, "The ranking prompts were not resampled: the capture did not keep all its positions one by one."
    best = _best(run.rankings[0], n_heads)

    def again(rows: Int[Tensor, " n_rows"]) -> tuple[str, ...]:
        return _best(rank(run.model, of_rows(capture, rows), run.concept, config.ranking), n_heads)

    parts = Parts(run.folder / "resampled", tuple[str, ...], run.progress, "rank again", config.bootstraps)
    resamples = enumerate(bootstraps(capture, questions, config.bootstraps, config.seed), start=1)
    drawn = [parts.part(f"{number:03d}", partial(again, rows)) for number, rows in resamples]
    names = [str(number) for number in range(len(drawn))]
    found = bootstrap([jaccard(best, heads) for heads in drawn], names, config.seed)
    return Steadiness(best, len(drawn), n_facts, found, often(drawn), LINE, firmness(found, LINE)), ""


def _best(ranking: Ranking, n_heads: int) -> tuple[str, ...]:
    return tuple(map(str, ranking.top(n_heads)))
