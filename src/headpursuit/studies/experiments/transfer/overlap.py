"""Best heads that tasks share, against chance.

Two nulls. *Any heads*: one set is fixed, and the other is as many heads drawn from all of the model; what they share is
hypergeometric. *Same layers*: the other set keeps its number of heads in every layer, so what is shared is a sum of
hypergeometric numbers, one for each layer; its distribution is their convolution. Where all concepts are written in a
few layers, the first null is beaten by any two concepts, and the second alone says that their heads are the same.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from headpursuit.analysis import Ranking
from headpursuit.studies.figures.overlap import chance_of
from headpursuit.studies.figures.statistics import spearman
from headpursuit.words import compared


@dataclass(frozen=True)
class Overlap:
    """Heads that two tasks have in common."""

    tasks: tuple[str, str]
    shared: tuple[str, ...]
    """Heads that are among the best of both."""
    jaccard: float
    """Shared heads over all heads of either set, 0 to 1."""
    expected: float
    """Number that sets drawn from all heads would share."""
    p: float
    """Probability that such sets share at least as many."""
    p_adjusted: float
    """The same, corrected for the number of pairs (Holm)."""
    expected_in_layers: float
    """Number that would be shared if each set kept its number of heads in every layer."""
    p_in_layers: float
    """Probability that such sets share at least as many."""
    p_in_layers_adjusted: float
    spearman: float
    """Rank correlation of the scores of all heads, -1 to 1."""
    shared_words: int
    """Words that are in both concepts: sets found with the same words are not independent."""


def overlaps(
    rankings: Sequence[Ranking], heads: int | str, names: Sequence[str], words: Sequence[Collection[str]]
) -> tuple[Overlap, ...]:
    """Every pair of rankings of one model.

    Args:
        rankings: One for each task.
        heads: How many are the best: a number, or a percentage of all.
        names: What the tasks are called.
        words: The words of each task's concept.
    """
    pairs = list(combinations(range(len(rankings)), 2))
    tops = [frozenset(ranking.top(heads)) for ranking in rankings]
    scores = [ranking.by_head() for ranking in rankings]
    universe = sorted(entry.head for entry in rankings[0].entries)
    anywhere = [chance_of(tops[a], tops[b], universe) for a, b in pairs]
    in_layers = [chance_of(tops[a], tops[b], universe, layer_matched=True) for a, b in pairs]
    adjusted = [holm([p for _, p in found]) for found in (anywhere, in_layers)]
    found = []
    for i, (a, b) in enumerate(pairs):
        shared = sorted(tops[a] & tops[b])
        found.append(
            Overlap(
                (names[a], names[b]),
                tuple(str(head) for head in shared),
                len(shared) / len(tops[a] | tops[b]),
                *anywhere[i],
                adjusted[0][i],
                *in_layers[i],
                adjusted[1][i],
                spearman(list(scores[a].values()), [scores[b][head] for head in scores[a]]),
                len(set(map(compared, words[a])) & set(map(compared, words[b]))),
            )
        )
    return tuple(found)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, in the same order.

    Source: Holm (1979); it holds however the tests depend on each other.
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values, dtype=float)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return [float(p) for p in corrected]
