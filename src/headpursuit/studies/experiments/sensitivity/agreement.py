"""How well two rankings agree; pure functions of scores and of the order they put heads in."""

from collections.abc import Hashable, Sequence

from headpursuit.studies.results import Estimate
from headpursuit.studies.statistics import bootstrap


def overlap(ours: Sequence[Hashable], theirs: Sequence[Hashable], k: int) -> float:
    """The fraction of the first k that both have."""
    return len(set(ours[:k]) & set(theirs[:k])) / k


def chance_overlap(k: int, n_heads: int) -> float:
    """The overlap to expect of k heads drawn at random with k given ones: the mean of a hypergeometric, over k."""
    return k / n_heads


def stable_from(means: Sequence[tuple[float, float]], least: float) -> float | None:
    """The smallest completeness from which on the mean agreement never falls below `least`; None if there is none.

    Args:
        means: Completeness and mean agreement, in any order.
        least: The agreement to keep.
    """
    found = None
    for level, mean in sorted(means, reverse=True):
        if mean < least:
            break
        found = level
    return found


def over_draws(values: Sequence[float], seed: int, *, fraction: bool = True) -> Estimate:
    """Mean over draws with its 95 % interval; of a single draw, which has none, the value itself.

    The interval is `bootstrap`'s over draws: it says how far other draws of the same kind would move the mean.
    """
    if len(values) == 1:
        return Estimate(values[0], values[0], values[0])
    return bootstrap(values, [str(i) for i in range(len(values))], seed, fraction=fraction)
