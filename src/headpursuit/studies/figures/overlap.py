"""Best heads that two rankings share, and those that they would share by chance."""

from collections import Counter
from collections.abc import Collection, Hashable, Sequence

import numpy as np
from jaxtyping import Float
from scipy.stats import hypergeom

from headpursuit.heads import Head


def overlap(ours: Sequence[Hashable], theirs: Sequence[Hashable], k: int) -> float:
    """The fraction of the first k that both have."""
    return len(set(ours[:k]) & set(theirs[:k])) / k


def chance_of(
    one: Collection[Head], other: Collection[Head], all_heads: Collection[Head], *, layer_matched: bool = False
) -> tuple[float, float]:
    """Heads that two such sets share by chance, and the probability that they share at least as many as here.

    Args:
        one: Some heads.
        other: Some other heads.
        all_heads: What they are drawn from.
        layer_matched: Keep each set's number of heads in every layer.

    Returns:
        The expected number, and the one-sided p-value.
    """

    def pool(heads: Collection[Head]) -> Counter[str]:
        return Counter(head.site if layer_matched else "" for head in heads)

    sizes, of_one, of_other = pool(all_heads), pool(one), pool(other)
    chances: Float[np.ndarray, " n_counts"] = np.ones(1)
    for site, size in sizes.items():
        most = min(of_one[site], of_other[site])
        chances = np.convolve(chances, hypergeom.pmf(np.arange(most + 1), size, of_one[site], of_other[site]))
    n_shared = len(set(one) & set(other))
    expected = float(chances @ np.arange(len(chances)))
    return expected, 1.0 if n_shared == 0 else min(1.0, float(chances[n_shared:].sum()))
