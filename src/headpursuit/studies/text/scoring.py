"""Scores of the outputs to a task's target prompts."""

import math
from collections.abc import Sequence
from functools import lru_cache

from headpursuit.concepts import Concept
from headpursuit.plugins import named, number
from headpursuit.studies.scorers import Scorer, scorer
from headpursuit.studies.tasks.task import Question, Task
from headpursuit.studies.text.metrics import METRICS, Metric


def metric_of(task: Task, group: str = "target") -> Metric:
    """The metric of a group of a task's outputs; unrelated answers count if they contain an accepted one."""
    if group != "target":
        return METRICS["contains"]
    return METRICS.find("first-named" if task.classes else task.metric)


def score(task: Task, concept: Concept, questions: Sequence[Question], outputs: Sequence[str]) -> list[float]:
    """Score outputs, each by the metric of its question's group."""
    scores = [0.0] * len(outputs)
    for group in ("target", "unrelated"):
        rows = [i for i, question in enumerate(questions) if question.group == group]
        found = _judged(task, concept, metric_of(task, group), [questions[i] for i in rows], [outputs[i] for i in rows])
        for i, value in zip(rows, found, strict=True):
            scores[i] = value
    return scores


def check_metric(task: Task) -> None:
    """Check that a task has what its metric needs: answers to compare with, or a scorer.

    Raises:
        ConnectionError: If the scorer's weights cannot be downloaded.
        ExtraMissing: If the scorer's package is not installed.
        ValueError: If a question has no answer, or there is no such scorer; the text says which there are.
    """
    if METRICS.find(task.metric).score is None:
        scorer_of(task)
    for question in (*task.questions, *(q for rung in task.rungs for q in rung.questions)):
        metric = metric_of(task, question.group)
        if metric.needs_answers and not question.answers:
            raise ValueError(
                f"{task.name}: the {question.group} question {question.text[:60]!r} has no accepted answer, which the "
                f"metric {metric.name} compares with; give answers, or another metric, like names-concept"
            )


def is_free(task: Task) -> bool:
    """True if a task's target outputs are free text: there are no answers to compare them with."""
    return not metric_of(task).needs_answers and not task.has_images


def scorer_of(task: Task, name: str = "") -> Scorer:
    """The scorer of a task's target outputs, or another of the same measure.

    Raises:
        ConnectionError, ExtraMissing, ValueError: As `scorer`.
    """
    return _loaded(name or task.scorer, task.metric, task.judges)


@lru_cache(maxsize=4)
def _loaded(name: str, measure: str, concept: Concept | None) -> Scorer:
    return scorer(name, measure, concept)


def _judged(
    task: Task, concept: Concept, metric: Metric, questions: Sequence[Question], outputs: Sequence[str]
) -> Sequence[float]:
    """Scores by a metric.

    Raises:
        ValueError: If one is no number, or none that the metric gives, or the metric fails.
    """
    if metric.score is None:
        return scorer_of(task).score(outputs)
    with named(f"the metric {metric.name}"):
        judging = task.judges or concept
        given = [metric.score(text, q, task, judging) for q, text in zip(questions, outputs, strict=True)]
    scores = [number(value) for value in given]
    for text, value, shown in zip(outputs, scores, given, strict=True):
        if not math.isfinite(value) or (metric.fraction and not 0 <= value <= 1):
            allowed = "a number from 0 to 1" if metric.fraction else "a finite number"
            raise ValueError(
                f"the metric {metric.name} gave {text!r:.60} the score {shown!r:.60}; it must be {allowed}"
            )
    return scores
