"""Two scorers on the same outputs: do they see the same?"""

from collections.abc import Sequence

import numpy as np

from headpursuit.extras import ExtraMissing
from headpursuit.studies.figures.statistics import bootstrap, spearman
from headpursuit.studies.measures import counted, effects
from headpursuit.studies.results import Arm, ScorerAgreement
from headpursuit.studies.scorers import Scorer, scorer_names
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.metrics import METRICS
from headpursuit.studies.text.scoring import scorer_of

_DOWNLOADS = ("detoxify",)
"""Scorers that are not taken unasked."""


def agreement(task: Task, base: Arm, edit: Arm, seed: int) -> ScorerAgreement | None:
    """The scorer that judges beside another one of the same measure, on held-out outputs of two arms.

    None where the metric asks no scorer, or no other is installed.
    """
    if METRICS.find(task.metric).score is not None:
        return None
    judge, other = scorer_of(task), other_scorer(task)
    if other is None:
        return None
    rows = [i for i, question in enumerate(task.heldout) if question.group == "target"]
    asked = [task.heldout[i] for i in rows]
    before, after = ([arm.answers[i] for i in rows] for arm in (base, edit))
    ours = judge.score([*before, *after])
    theirs = other.score([*before, *after])
    return _compared(task, judge, other, asked, after, (ours, theirs), seed)


def _compared(
    task: Task,
    judge: Scorer,
    other: Scorer,
    asked: Sequence[Question],
    outputs: Sequence[str],
    scores: tuple[list[float], list[float]],
    seed: int,
) -> ScorerAgreement:
    n, (_, theirs) = len(asked), scores
    facts = [question.fact for question in asked]
    old, new = theirs[:n], theirs[n:]
    kept = counted(new, outputs, old, task.direction)
    return ScorerAgreement(
        judge.name,
        judge.version,
        other.name,
        other.version,
        spearman(*scores),
        bootstrap(old, facts, seed),
        bootstrap(new, facts, seed),
        float(effects(float(np.mean(old)), float(np.mean(kept)), task.direction)),
        bootstrap(np.subtract(kept, old).tolist(), facts, seed, fraction=False),
    )


def other_scorer(task: Task) -> Scorer | None:
    """The first scorer of a task's measure, other than its own, that is installed and downloads nothing."""
    for name in scorer_names(task.metric):
        if name in (task.scorer, *_DOWNLOADS):
            continue
        try:
            return scorer_of(task, name)
        except ExtraMissing:
            continue
    return None
