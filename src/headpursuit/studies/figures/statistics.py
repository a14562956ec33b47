"""Intervals. Questions about one fact are not independent, so facts are what is resampled."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.stats import norm, rankdata, spearmanr, t

from headpursuit.studies.results import Estimate

_RESAMPLES = 5_000

_CORRELATIONS = 2_000
"""Resamples of a correlation, each of which is put in order anew."""


def spearman(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Rank correlation, equal values at their mean rank; 0 where one side is constant and so agrees with nothing."""
    if min(np.ptp(ours), np.ptp(theirs)) == 0:
        return 0.0
    return float(spearmanr(ours, theirs).statistic)


def rank_correlation(ours: Sequence[float], theirs: Sequence[float], seed: int) -> Estimate:
    """`spearman` with its 95 % interval, from resampled pairs, which count as independent.

    Args:
        ours: One value of each thing.
        theirs: The other, in the same order.
        seed: Same seed, same interval.
    """
    drawn = np.random.default_rng(seed).integers(len(ours), size=(_CORRELATIONS, len(ours)))
    places = [rankdata(np.asarray(values)[drawn], axis=1) for values in (ours, theirs)]
    apart = [ranks - ranks.mean(1, keepdims=True) for ranks in places]
    lengths = np.sqrt((apart[0] ** 2).sum(1) * (apart[1] ** 2).sum(1))
    found = (apart[0] * apart[1]).sum(1) / np.where(lengths == 0, np.inf, lengths)
    low, high = np.percentile(found, [2.5, 97.5])
    value = spearman(ours, theirs)
    return Estimate(value, min(float(low), value), max(float(high), value))


def bootstrap(scores: Sequence[float], facts: Sequence[str], seed: int, *, fraction: bool = True) -> Estimate:
    """Mean score with its 95 % interval, from resampled facts.

    Plain percentiles of resampled means are too narrow where few facts decide: they cannot see beyond the scores at
    hand. So two rules from the literature are carried over to facts; `docs/calibration.md` says how often the intervals
    then hold the truth.

    Fractions: percentiles with two further facts, one all right and one all wrong (Agresti and Coull). Where scores
    are all 0 or all 1, the exact (Clopper-Pearson) limit for as many facts is given.

    Others: as far on both sides of the mean as the percentiles reach on the farther one, times what Student's t asks
    of so few facts. Where all changes are zero there is no interval: how large one might be, they do not say.

    Args:
        scores: One per question.
        facts: What each question asks for.
        seed: Same seed, same interval.
        fraction: Whether scores lie between 0 and 1; False for changes and counts.
    """
    totals, counts = _by_fact(np.asarray([scores], dtype=float), facts)
    value = float(np.mean(scores))
    if not fraction:
        low, high = _percentiles(totals[0], counts, seed)
        reach = _small_sample(len(counts)) * max(value - low, high - value)
        return Estimate(value, value - reach, value + reach)
    limit = 0.025 ** (1 / len(counts))
    if not any(scores):
        return Estimate(value, 0.0, 1 - limit)
    if all(score == 1 for score in scores):
        return Estimate(value, limit, 1.0)
    size = counts.mean()
    return Estimate(value, *_percentiles(np.append(totals[0], [0, size]), np.append(counts, [size, size]), seed))


def resampled_means(
    scores: Float[np.ndarray, "n_rows n_questions"], facts: Sequence[str], seed: int
) -> Float[np.ndarray, "n_resamples n_rows"]:
    """Mean of each row of scores in every resample of the facts.

    All rows meet the same resamples, so that what is computed from several of them is paired.

    Args:
        scores: A row for each arm, say; a column for each question.
        facts: What each question asks for.
        seed: Same seed, same resamples.
    """
    totals, counts = _by_fact(np.asarray(scores, dtype=float), facts)
    drawn = _drawn(len(counts), seed)
    return (drawn @ totals.T) / (drawn @ counts)[:, None]


def widened(value: float, drawn: Float[np.ndarray, " n_resamples"], n_facts: int) -> Estimate:
    """A figure computed from several means with its interval, by the rule that `bootstrap` has for changes.

    Args:
        value: The figure.
        drawn: The same in every resample.
        n_facts: How many facts are resampled.
    """
    low, high = np.percentile(drawn, [2.5, 97.5])
    reach = _small_sample(n_facts) * float(max(value - low, high - value))
    return Estimate(value, value - reach, value + reach)


def _percentiles(
    totals: Float[np.ndarray, " n_facts"], counts: Float[np.ndarray, " n_facts"], seed: int
) -> tuple[float, float]:
    """The ends that 95 % of the means of resampled facts lie between."""
    drawn = _drawn(len(counts), seed)
    low, high = np.percentile((drawn @ totals) / (drawn @ counts), [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=256)
def _small_sample(n_facts: int) -> float:
    """Student's t over the normal quantile, for a spread estimated with n - 1."""
    if n_facts < 2:
        return 1.0
    return math.sqrt(n_facts / (n_facts - 1)) * float(t.ppf(0.975, n_facts - 1) / norm.ppf(0.975))


@lru_cache(maxsize=8)
def _drawn(n_facts: int, seed: int) -> Float[np.ndarray, "n_resamples n_facts"]:
    """Counts of each fact in each resample."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_facts, np.full(n_facts, 1 / n_facts), size=_RESAMPLES).astype(float)


def _by_fact(
    scores: Float[np.ndarray, "n_arms n_questions"], facts: Sequence[str]
) -> tuple[Float[np.ndarray, "n_arms n_facts"], Float[np.ndarray, " n_facts"]]:
    """Sum of scores and number of questions of each fact."""
    _, member = np.unique(np.asarray(facts), return_inverse=True)
    counts = np.bincount(member).astype(float)
    return np.stack([np.bincount(member, weights=row) for row in scores]), counts
