"""Agreement summed up over draws and over levels."""

from collections.abc import Sequence

from headpursuit.studies.results import Estimate
from headpursuit.studies.statistics import bootstrap


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
