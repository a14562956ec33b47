"""The firmness of a set of best heads, where its ranking is made anew of other prompts."""

from dataclasses import dataclass
from enum import StrEnum

from headpursuit.studies.results.figures import Estimate


class Firmness(StrEnum):
    """Words for the interval of a Jaccard index: above the line, below it, or across it."""

    STABLE = "stable"
    UNDECIDED = "undecided"
    UNSTABLE = "unstable"


@dataclass(frozen=True)
class Steadiness:
    """A ranking's best heads beside those of resampled prompts."""

    heads: tuple[str, ...]
    """The best heads of all prompts, best first."""
    n_resamples: int
    n_facts: int
    """Facts that the prompts are about, which are what is resampled."""
    jaccard: Estimate
    """Mean Jaccard index; 95 % interval over resamples."""
    often: dict[str, float]
    """Of each head that is among the best of any resample, the fraction of them; most often first."""
    line: float
    """The index above which a set counts as the same."""
    word: Firmness
