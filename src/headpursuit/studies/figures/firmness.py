"""Sets of best heads compared, and the word for how firm one is."""

from collections import Counter
from collections.abc import Sequence

from headpursuit.studies.results import Estimate, Firmness

LINE = 0.8
"""The Jaccard index above which a set of heads counts as the same."""

FEWEST_FACTS = 8
"""Facts of ranking prompts; of fewer, resamples tell nothing."""


def jaccard(one: Sequence[str], other: Sequence[str]) -> float:
    """Heads that both sets have, over heads that any has."""
    return len(set(one) & set(other)) / len(set(one) | set(other))


def firmness(found: Estimate, line: float) -> Firmness:
    """The word for an interval."""
    if found.low >= line:
        return Firmness.STABLE
    return Firmness.UNSTABLE if found.high < line else Firmness.UNDECIDED


def often(drawn: Sequence[Sequence[str]]) -> dict[str, float]:
    """Of each head in any of several sets the fraction of sets that have it, most often first."""
    counts = Counter(head for heads in drawn for head in heads)
    return {head: count / len(drawn) for head, count in counts.most_common()}
