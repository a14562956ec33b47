"""Scores of questions by their phrasing."""

from collections.abc import Sequence

import numpy as np

from headpursuit.studies.results import Phrasing
from headpursuit.studies.tasks import Question


def phrasings_of(questions: Sequence[Question], scores: Sequence[float]) -> tuple[Phrasing, ...]:
    """Mean score of the questions of each phrasing, in the order of the questions; none where there are not several.

    Args:
        questions: Of one group.
        scores: One for each.
    """
    found: dict[str, list[float]] = {}
    for question, score in zip(questions, scores, strict=True):
        found.setdefault(question.phrasing, []).append(score)
    if len(found) < 2:
        return ()
    return tuple(Phrasing(text, len(each), float(np.mean(each))) for text, each in found.items())
