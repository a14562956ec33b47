"""From answers to figures."""

from collections.abc import Callable, Sequence

import numpy as np

from headpursuit.concepts import Concept
from headpursuit.studies.metrics import contains, exact_match, f1, first_named, is_empty, is_right, repetition
from headpursuit.studies.results import Arm, ArmSummary, Confusion, Estimate, GroupSummary
from headpursuit.studies.statistics import bootstrap, permutation_p
from headpursuit.studies.tasks import Question, Task


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


def p_value(task: Task, arms: Sequence[Arm], kind: str, seed: int) -> float:
    """Permutation p-value of the edit's target answers against the controls of one kind."""
    chosen = [i for i, q in enumerate(task.heldout) if q.group == "target"]
    questions = [task.heldout[i] for i in chosen]

    def scores(arm: Arm) -> list[float]:
        return [_right(task, task.heldout[i], arm.answers[i]) for i in chosen]

    edit = next(arm for arm in arms if arm.kind == "edit")
    controls = [scores(arm) for arm in arms if arm.kind == kind]
    return permutation_p(scores(edit), controls, [q.fact for q in questions], seed)


def confusion(task: Task, questions: Sequence[Question], answers: Sequence[str]) -> Confusion | None:
    """Which class each answer names first, by the class it should; None where the task has no classes."""
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


def _right(task: Task, question: Question, answer: str) -> float:
    return is_right(answer, question.answers, question.label, task.classes)


def _summarise_arm(
    task: Task, concept: Concept, questions: Sequence[Question], arm: Arm, base: Arm, seed: int
) -> ArmSummary:
    groups: dict[str, GroupSummary | None] = {}
    for group in ("target", "unrelated"):
        rows = [
            (question, answer, before)
            for question, answer, before in zip(questions, arm.answers, base.answers, strict=True)
            if question.group == group
        ]
        groups[group] = _summarise_group(task, rows, concept, seed, is_base=arm is base) if rows else None
    if groups["target"] is None:
        raise ValueError(f"the task {task.name} has no target questions to measure")
    scales = set(arm.edit.values())
    return ArmSummary(
        arm.name,
        arm.kind,
        tuple(str(head) for head in arm.edit),
        scales.pop() if len(scales) == 1 else None,
        groups["target"],
        groups["unrelated"],
        arm.damage,
        arm.n_forwards,
        confusion(task, questions, arm.answers),
    )


def _summarise_group(
    task: Task, rows: Sequence[tuple[Question, str, str]], concept: Concept, seed: int, *, is_base: bool
) -> GroupSummary:
    facts = [question.fact for question, _, _ in rows]

    def estimate(score: Callable[[Question, str, str], float], *, fraction: bool = True) -> Estimate:
        return bootstrap([score(*row) for row in rows], facts, seed, fraction=fraction)

    def gained(question: Question, answer: str, before: str) -> float:
        return _right(task, question, answer) - _right(task, question, before)

    return GroupSummary(
        n_questions=len(rows),
        score=estimate(lambda q, a, _: _right(task, q, a)),
        exact=estimate(lambda q, a, _: exact_match(a, q.answers)),
        f1=estimate(lambda q, a, _: f1(a, q.answers)),
        concept_rate=estimate(lambda _, a, __: contains(a, concept.words)),
        empty=float(np.mean([is_empty(answer) for _, answer, _ in rows])),
        repetition=float(np.mean([repetition(answer) for _, answer, _ in rows])),
        score_change=None if is_base else estimate(gained, fraction=False),
    )
