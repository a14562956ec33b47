"""From answers to figures."""

from collections.abc import Callable, Sequence

import numpy as np

from headpursuit.concepts import Concept
from headpursuit.studies.metrics import contains, exact_match, f1, is_empty, repetition
from headpursuit.studies.results import Arm, ArmSummary, Estimate, GroupSummary
from headpursuit.studies.statistics import bootstrap, permutation_p
from headpursuit.studies.tasks import Question, Task


def summarise(task: Task, concept: Concept, arms: Sequence[Arm], seed: int) -> tuple[ArmSummary, ...]:
    """Figures of every arm; the first arm is the base that changes are measured from."""
    return tuple(_summarise_arm(task, concept, arm, arms[0], seed) for arm in arms)


def p_value(task: Task, arms: Sequence[Arm], kind: str, seed: int) -> float:
    """Permutation p-value of the edit's target answers against the controls of one kind."""
    chosen = [i for i, q in enumerate(task.heldout) if q.group == "target"]
    questions = [task.heldout[i] for i in chosen]

    def scores(arm: Arm) -> list[float]:
        return [contains(arm.answers[i], task.heldout[i].answers) for i in chosen]

    edit = next(arm for arm in arms if arm.kind == "edit")
    controls = [scores(arm) for arm in arms if arm.kind == kind]
    return permutation_p(scores(edit), controls, [q.fact for q in questions], seed)


def _summarise_arm(task: Task, concept: Concept, arm: Arm, base: Arm, seed: int) -> ArmSummary:
    groups = {}
    for group in ("target", "unrelated"):
        rows = [
            (question, answer, before)
            for question, answer, before in zip(task.heldout, arm.answers, base.answers, strict=True)
            if question.group == group
        ]
        groups[group] = _summarise_group(rows, concept, seed, is_base=arm is base)
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
    )


def _summarise_group(
    rows: Sequence[tuple[Question, str, str]], concept: Concept, seed: int, *, is_base: bool
) -> GroupSummary:
    facts = [question.fact for question, _, _ in rows]

    def estimate(score: Callable[[Question, str, str], float], *, fraction: bool = True) -> Estimate:
        return bootstrap([score(*row) for row in rows], facts, seed, fraction=fraction)

    def gained(question: Question, answer: str, before: str) -> float:
        return contains(answer, question.answers) - contains(before, question.answers)

    return GroupSummary(
        n_questions=len(rows),
        contains=estimate(lambda q, a, _: contains(a, q.answers)),
        exact=estimate(lambda q, a, _: exact_match(a, q.answers)),
        f1=estimate(lambda q, a, _: f1(a, q.answers)),
        concept_rate=estimate(lambda _, a, __: contains(a, concept.words)),
        empty=float(np.mean([is_empty(answer) for _, answer, _ in rows])),
        repetition=float(np.mean([repetition(answer) for _, answer, _ in rows])),
        contains_change=None if is_base else estimate(gained, fraction=False),
    )
