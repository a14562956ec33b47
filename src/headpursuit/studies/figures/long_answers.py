"""Long answers as figures, those that are degenerate left out and counted."""

from collections.abc import Sequence

import numpy as np

from headpursuit.concepts import Concept
from headpursuit.studies.figures.rungs import left_of
from headpursuit.studies.figures.summaries import summarise_group
from headpursuit.studies.results import Asked, Estimate, GroupSummary, LongArm
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.metrics import is_empty, repetition

MOST_REPETITION = 0.5
"""More of an answer's word pairs that occurred in it before make it degenerate."""


def is_degenerate(answer: str) -> bool:
    """True if an answer repeats itself or says nothing."""
    return is_empty(answer) or repetition(answer) > MOST_REPETITION


def long_arms(
    task: Task, concept: Concept, questions: Sequence[Question], asked: Sequence[Asked], seed: int
) -> tuple[LongArm, ...]:
    """Figures of every arm.

    Args:
        task: Its metric counts target answers.
        concept: The concept, looked up.
        questions: Those that were asked, of both groups.
        asked: Of every arm the answers; the unedited model first.
        seed: Of the bootstrap.
    """
    base = asked[0].answers
    lost = [is_degenerate(answer) for answer in base]
    found = []
    for one in asked:
        broken = [is_degenerate(answer) for answer in one.answers]
        groups: dict[str, tuple[GroupSummary | None, Estimate | None]] = {}
        for group in ("target", "unrelated"):
            rows = [i for i, q in enumerate(questions) if q.group == group and not broken[i] and not lost[i]]
            groups[group] = _compared(task, concept, questions, rows, one.answers, base, one is asked[0], seed)
        (target, left), (unrelated, unrelated_left) = groups["target"], groups["unrelated"]
        found.append(LongArm(one.name, one.kind, float(np.mean(broken)), target, unrelated, left, unrelated_left))
    return tuple(found)


def _compared(
    task: Task,
    concept: Concept,
    questions: Sequence[Question],
    rows: Sequence[int],
    answers: Sequence[str],
    base: Sequence[str],
    is_base: bool,
    seed: int,
) -> tuple[GroupSummary | None, Estimate | None]:
    """Figures of some questions, and what is left of the unedited model's score on the same ones."""
    if not rows:
        return None, None
    asked = [questions[i] for i in rows]
    given, before = ([texts[i] for i in rows] for texts in (answers, base))
    unedited = summarise_group(task, concept, asked, before, None, seed)
    if is_base:
        return unedited, None
    figures = summarise_group(task, concept, asked, given, before, seed)
    return figures, left_of(unedited, figures)
