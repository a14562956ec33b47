"""Scores of questions by what some of them have in common: their phrasing, or their subject."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

P = TypeVar("P")


def breakdown(names: Sequence[str], scores: Sequence[float], made: Callable[[str, int, float], P]) -> tuple[P, ...]:
    """Number of questions and mean score of each name, in order of appearance; none where there is but one.

    Args:
        names: One for each question, such as its phrasing.
        scores: One for each question.
        made: Called with a name, its number of questions, and their mean score.
    """
    found: dict[str, list[float]] = {}
    for name, score in zip(names, scores, strict=True):
        found.setdefault(name, []).append(score)
    if len(found) < 2:
        return ()
    return tuple(made(name, len(each), float(np.mean(each))) for name, each in found.items())
