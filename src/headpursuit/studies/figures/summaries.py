"""From answers to figures."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from headpursuit.concepts import Concept
from headpursuit.studies.figures.breakdown import breakdown
from headpursuit.studies.figures.free_text import free_text
from headpursuit.studies.figures.statistics import bootstrap
from headpursuit.studies.measures import counted
from headpursuit.studies.results import (
    Arm,
    ArmSummary,
    Confusion,
    Estimate,
    FreeText,
    GroupSummary,
    Phrasing,
    SubjectScore,
)
from headpursuit.studies.tasks import Question, Task, accepted_answers
from headpursuit.studies.text.metrics import contains, exact_match, f1, first_named, is_empty, repetition
from headpursuit.studies.text.scoring import is_free, metric_of, score
from headpursuit.words import normalise


def summarise(
    task: Task, concept: Concept, arms: Sequence[Arm], seed: int, questions: Sequence[Question] | None = None
) -> tuple[ArmSummary, ...]:
    """Figures of every arm.

    Args:
        task: What was measured.
        concept: The concept, looked up.
        arms: The first is the base that changes are measured from.
        seed: Of the bootstrap.
        questions: What the arms answered; by default the held-out questions.
    """
    asked = task.heldout if questions is None else tuple(questions)
    return tuple(_summarise_arm(task, concept, asked, arm, arms[0], seed) for arm in arms)


def confusion(task: Task, questions: Sequence[Question], answers: Sequence[str]) -> Confusion | None:
    """The class that each answer names first, by the class it should; None where the task has no classes."""
    if not task.classes:
        return None
    labels = tuple(task.classes)
    columns = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels) + 1), dtype=int)
    for question, answer in zip(questions, answers, strict=True):
        if question.label:
            named = first_named(answer, task.classes)
            counts[columns[question.label], len(labels) if named is None else columns[named]] += 1
    return Confusion(labels, tuple(map(tuple, counts.tolist())))


def _summarise_arm(
    task: Task, concept: Concept, questions: Sequence[Question], arm: Arm, base: Arm, seed: int
) -> ArmSummary:
    groups: dict[str, GroupSummary | None] = {}
    text: FreeText | None = None
    for group in ("target", "unrelated"):
        rows = [i for i, question in enumerate(questions) if question.group == group]
        asked, given = [questions[i] for i in rows], [arm.answers[i] for i in rows]
        before = None if arm is base else [base.answers[i] for i in rows]
        groups[group] = summarise_group(task, concept, asked, given, before, seed) if rows else None
        if group == "target" and rows and is_free(task):
            read = ([losses[i] for i in rows] if losses else () for losses in (arm.losses, arm.reader_losses))
            text = free_text(given, task.judges or concept, *read)
    target = groups["target"]
    if target is None:
        raise ValueError(f"the task {task.name} has no target questions to measure")
    scales = set(arm.edit.values())
    return ArmSummary(
        arm.name,
        arm.kind,
        tuple(str(head) for head in arm.edit),
        scales.pop() if len(scales) == 1 else None,
        replace(target, text=text),
        groups["unrelated"],
        arm.damage,
        arm.n_forwards,
        confusion(task, questions, arm.answers),
        arm.baseline,
    )


def summarise_group(
    task: Task,
    concept: Concept,
    questions: Sequence[Question],
    answers: Sequence[str],
    before: Sequence[str] | None,
    seed: int,
) -> GroupSummary:
    """Figures of one group.

    Args:
        task: Its metric counts, and its direction says which way target scores are to go.
        concept: The concept, looked up.
        questions: All of one group.
        answers: To them, in their order.
        before: The base's answers; None for the base itself.
        seed: Of the bootstrap.
    """
    facts = [question.fact for question in questions]
    accepted = accepted_answers(questions)
    fraction = metric_of(task, questions[0].group).fraction
    scores = score(task, concept, questions, answers)

    def estimate(values: Sequence[float], *, fraction: bool = True) -> Estimate:
        return bootstrap(values, facts, seed, fraction=fraction)

    def compared(one: Callable[[str, Sequence[str]], float]) -> Estimate | None:
        """With the accepted answers, where all questions have some."""
        if not all(question.answers for question in questions):
            return None
        return estimate([one(answer, q.answers) for q, answer in zip(questions, answers, strict=True)])

    is_target = questions[0].group == "target"  # on other questions silence is damage, and counts as such
    kept, change, silenced = scores, None, 0.0

    def spoken(given: Sequence[str]) -> Iterator[list[float]]:
        """Emptiness and repetition of answers."""
        yield [float(is_empty(answer, accepted)) for answer in given]
        yield [repetition(answer) for answer in given]

    def changed(now: Sequence[float], then: Sequence[float]) -> Estimate:
        return estimate(np.subtract(now, then).tolist(), fraction=False)

    empties, repeated = spoken(answers)
    spoken_changes: tuple[Estimate | None, Estimate | None] = None, None
    if before is not None:
        old = score(task, concept, questions, before)
        kept = counted(scores, answers, old, task.direction, accepted) if is_target else scores
        change = changed(kept, old)
        silenced_before, repeated_before = spoken(before)
        spoken_changes = changed(empties, silenced_before), changed(repeated, repeated_before)
        silenced = float(np.mean(np.subtract(kept, scores)))
    said = Counter(map(normalise, answers))
    ((commonest, n_commonest),) = said.most_common(1)
    return GroupSummary(
        n_questions=len(questions),
        score=estimate(scores, fraction=fraction),
        exact=compared(exact_match),
        f1=compared(f1),
        concept_rate=estimate([contains(answer, concept.words) for answer in answers]),
        empty=float(np.mean(empties)),
        repetition=float(np.mean(repeated)),
        score_change=change,
        silenced=silenced,
        empty_change=spoken_changes[0],
        repetition_change=spoken_changes[1],
        n_distinct=len(said),
        commonest=commonest,
        commonest_share=n_commonest / len(answers),
        phrasings=breakdown([q.phrasing for q in questions], kept, Phrasing) if is_target else (),
        subjects=breakdown([q.subject for q in questions], scores, SubjectScore),
    )
