"""One arm beside another, paired by question."""

import numpy as np

from headpursuit.concepts import Concept
from headpursuit.studies.figures.statistics import bootstrap
from headpursuit.studies.measures import counted
from headpursuit.studies.results import Arm, Estimate
from headpursuit.studies.tasks import Task, accepted_answers
from headpursuit.studies.text.scoring import score


def further(task: Task, concept: Concept, arm: Arm, other: Arm, base: Arm, seed: int) -> Estimate:
    """The lead of one arm over another: how much further it moves the target score in the direction of the task.

    Args:
        task: Its held-out target questions are compared.
        concept: The concept, looked up.
        arm: The one.
        other: The other.
        base: The unedited model: silent answers count as its own, as in effects.
        seed: Of the bootstrap over facts.
    """
    rows = [i for i, question in enumerate(task.heldout) if question.group == "target"]
    asked = [task.heldout[i] for i in rows]
    accepted = accepted_answers(asked)
    outputs = [[each.answers[i] for i in rows] for each in (base, arm, other)]
    before, *after = (score(task, concept, asked, texts) for texts in outputs)
    ours, theirs = (
        counted(scores, texts, before, task.direction, accepted)
        for scores, texts in zip(after, outputs[1:], strict=True)
    )
    sign = -1 if task.direction == "suppress" else 1
    moved = sign * np.subtract(ours, theirs)
    return bootstrap(moved.tolist(), [question.fact for question in asked], seed, fraction=False)
