"""Trees of tasks: by the heads they share, and by what their heads do to each other's questions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from headpursuit.studies.experiments.transfer.effects import EffectCell
from headpursuit.studies.experiments.transfer.overlap import Overlap


@dataclass(frozen=True)
class Clustering:
    """A tree over tasks."""

    names: tuple[str, ...]
    """The tasks, as they are numbered in `merges`."""
    distances: tuple[tuple[float, ...], ...]
    """Between every two tasks, 0 to 1."""
    merges: tuple[tuple[float, float, float, float], ...]
    """The two clusters that are merged, the distance, and the number of tasks; in the form of scipy's `linkage`."""
    order: tuple[str, ...]
    """The tasks from one end of the tree to the other."""


def by_effect(names: Sequence[str], cells: Sequence[EffectCell]) -> Clustering:
    """Tasks whose heads act on each other's questions are close.

    The distance of two tasks is 1 minus the mean of the two effects, of one's heads on the other's questions, each less
    what random heads do there, and between 0 and 1. A cell that breaks the model, or had nothing to lose, shows no
    transfer, so it counts as no effect.
    """
    effects = {
        (cell.row, cell.column): float(np.clip(cell.effect.value - cell.random, 0, 1))
        if cell.word in ("acts", "does not act")
        else 0.0
        for cell in cells
    }
    matrix = np.array([[1 - (effects[a, b] + effects[b, a]) / 2 for b in names] for a in names])
    return _clustered(names, matrix)


def by_overlap(names: Sequence[str], overlaps: Sequence[Overlap]) -> Clustering:
    """Tasks that share heads are close: the distance is 1 minus the Jaccard index."""
    shared = {frozenset(overlap.tasks): overlap.jaccard for overlap in overlaps}
    return _clustered(names, np.array([[1 - shared.get(frozenset((a, b)), 1.0) for b in names] for a in names]))


def _clustered(names: Sequence[str], distances: Float[np.ndarray, "n_tasks n_tasks"]) -> Clustering:
    """Average linkage (UPGMA): the height of a merge is the mean distance between the tasks of the two sides."""
    np.fill_diagonal(distances, 0)
    merges = linkage(squareform(distances, checks=False), "average")
    return Clustering(
        tuple(names),
        tuple(tuple(row) for row in distances.tolist()),
        tuple(tuple(merge) for merge in merges.tolist()),
        tuple(names[i] for i in leaves_list(merges)),
    )
