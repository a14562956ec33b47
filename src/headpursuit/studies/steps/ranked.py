"""A task's heads are ranked: its ranking prompts captured, and all heads put in the order that a study asks for."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from headpursuit.analysis import Capture, CaptureConfig, Ranking, capture, rank
from headpursuit.analysis.rankers import Evidence, Unsuited, find_ranker
from headpursuit.concepts import Concept
from headpursuit.media import prompts_behind
from headpursuit.models import LanguageModel, batches, first_tokens, tokens_of
from headpursuit.studies.kernel import lacking, part
from headpursuit.studies.kernel.progress import Progress
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.steps.identity import check_asks
from headpursuit.studies.tasks import CAPTIONING, Task

SAMPLES = 1000
"""Captured positions that are kept one by one, where the rule or the ranker needs them."""

MOST_POSITIONS = 20_000
"""Captured positions of a study that are kept one by one, so that its prompts can be resampled."""


def capture_config(config: StudyConfig, samples: int | None = None) -> CaptureConfig:
    """The capture of a study's ranking prompts; with so many samples, by default as many as its ranking needs."""
    needed = MOST_POSITIONS if config.bootstraps else 0
    if config.ranker or config.ranking.rule == "l1":
        needed = SAMPLES
    return CaptureConfig(
        positions=config.positions,
        max_new_tokens=config.max_new_tokens,
        batch_size=config.batch_size,
        samples=needed if samples is None else samples,
        **config.chat_settings,
    )


def captured(
    model: LanguageModel, task: Task, settings: CaptureConfig, folder: Path, progress: Progress, stage: str = "capture"
) -> Capture:
    """Capture a task's ranking prompts, or read back what was captured in this folder before."""
    place = folder / "capture"
    if not place.exists():
        capture(model, task.ranking_prompts, settings, progress=partial(progress, stage)).save(place)
    return Capture.load(place)


def right_answers(model: LanguageModel, task: Task, config: StudyConfig) -> tuple[tuple[int, ...], ...]:
    """For each ranking prompt the tokens that begin its right answers; captions have references, and none."""
    if config.task == CAPTIONING:
        return ((),) * len(task.ranking_questions)
    return tuple(
        first_tokens(model, q.answers, spaced=not config.chat and not q.text[-1:].isspace())
        for q in task.ranking_questions
    )


def evidence_of(model: LanguageModel, task: Task, concept: Concept, config: StudyConfig, prompts: Capture) -> Evidence:
    """Evidence for rankers, from a study's ranking questions; `prompts` is the capture of them."""
    return Evidence(
        model,
        task.ranking_prompts,
        prompts,
        concept,
        right_answers(model, task, config),
        tuple(q.fact for q in task.ranking_questions),
        config.ranking,
        config.batch_size,
        config.frame,
        config.seed,
    )


def check_ranker(model: LanguageModel, task: Task, config: StudyConfig) -> None:
    """Refuse a ranker that needs right answers where some are not known, before anything is run.

    Raises:
        ValueError: If that is so.
    """
    if not config.ranker or not find_ranker(config.ranker).needs_answers:
        return
    missing = sum(not answers for answers in right_answers(model, task, config))
    if missing:
        raise ValueError(
            f"{config.ranker} needs the right answers of the ranking prompts, and {missing} of "
            f"{len(task.ranking_questions)} of {task.name} have none; choose another ranker"
        )


def check_fits(
    model: LanguageModel, task: Task, config: StudyConfig, concepts: Iterable[Concept], counts: Iterable[int] = ()
) -> None:
    """Find out before anything is written whether heads, words and prompts fit the model.

    Args:
        model: The model.
        task: Its questions are ranked on and answered.
        config: The settings of its study.
        concepts: Each needs tokens.
        counts: Numbers of heads that are edited beside as many random ones.

    Raises:
        ValueError: If they do not, or the ranker needs answers that the task does not have.
    """
    check_asks(model, task)
    n_heads = model.anatomy.n_heads
    for wanted in counts:
        if 2 * wanted > n_heads:
            raise ValueError(
                f"{wanted} of {n_heads} heads leave too few for random controls; edit at most {n_heads // 2}"
            )
    check_ranker(model, task, config)
    for concept in concepts:
        try:
            tokens_of(model, concept, config.ranking.multi_token)
        except ValueError as error:
            if concept.name == task.words.name:
                raise
            raise ValueError(f"{error}, or another concept to compare with: `other_concept`") from error
    for prompts in ([q.prompt for q in task.heldout], task.ranking_prompts):
        batches(model, prompts, config.batch_size, chat=config.frame, room=max(config.max_new_tokens, config.long))
    batches(model, prompts_behind(task.neutral_texts), config.batch_size)


def ranked(
    model: LanguageModel, task: Task, concept: Concept, config: StudyConfig, prompts: Capture, file: Path
) -> Ranking:
    """All heads ranked for the task's concept, by the study's ranker if it names one; or read back from the file.

    Raises:
        ValueError: If the ranker lacks something that the model, the capture or the task does not have.
    """

    def make() -> Ranking:
        ranking = rank(model, prompts, concept, config.ranking)
        if not config.ranker:
            return ranking
        try:
            scores = find_ranker(config.ranker).scores(evidence_of(model, task, concept, config, prompts))
        except Unsuited as error:
            raise ValueError(f"{config.ranker} cannot rank heads on {task.name}: {error}; choose another") from error
        return ranking.sorted_by(config.ranker, scores)

    return part(file, Ranking, make, lambda found: lacking(model.anatomy.heads, set(map(str, found.by_head()))))
