"""Intervals and p-values. Questions about one fact are not independent, so facts are what is resampled."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from headpursuit.studies.results import Estimate

_RESAMPLES = 5_000


def bootstrap(scores: Sequence[float], facts: Sequence[str], seed: int, *, fraction: bool = True) -> Estimate:
    """Mean score with its 95 % percentile interval, resampling facts.

    Resampling cannot see beyond scores that are all 0 or all 1; there the exact (Clopper-Pearson) limit for as many
    facts is given.

    Args:
        scores: One per question.
        facts: What each question asks for.
        seed: Same seed, same interval.
        fraction: Whether scores lie between 0 and 1; False for changes.
    """
    totals, counts = _by_fact(np.asarray([scores], dtype=float), facts)
    drawn = _drawn(len(counts), seed)
    means = (drawn @ totals[0]) / (drawn @ counts)
    low, high = np.percentile(means, [2.5, 97.5])
    limit = 0.025 ** (1 / len(counts))
    if fraction and not any(scores):
        high = 1 - limit
    if fraction and all(score == 1 for score in scores):
        low = limit
    return Estimate(float(np.mean(scores)), float(low), float(high))


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


def permutation_p(edit: Sequence[float], controls: Sequence[Sequence[float]], facts: Sequence[str], seed: int) -> float:
    """Could the edit's scores be one more control's? One-sided p-value for the edit scoring lower.

    Within each fact, the edit's label goes to one of the arms at random; the statistic is the labelled arm's mean
    score. With few control draws this is far finer than counting draws, but says nothing of draws that were not made.

    Args:
        edit: Score per question under the edit.
        controls: The same for each control.
        facts: What each question asks for.
        seed: Same seed, same value.
    """
    totals, _ = _by_fact(np.asarray([edit, *controls], dtype=float), facts)
    rng = np.random.default_rng(seed)
    labels = rng.integers(len(totals), size=(_RESAMPLES, totals.shape[1]))
    permuted = np.take_along_axis(totals.T[None], labels[:, :, None], axis=2).sum((1, 2))
    return float((1 + (permuted <= totals[0].sum() + 1e-9).sum()) / (1 + _RESAMPLES))


@lru_cache(maxsize=4)
def _drawn(n_facts: int, seed: int) -> Float[np.ndarray, "n_resamples n_facts"]:
    """How often each fact is in each resample."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_facts, np.full(n_facts, 1 / n_facts), size=_RESAMPLES).astype(float)


def _by_fact(
    scores: Float[np.ndarray, "n_arms n_questions"], facts: Sequence[str]
) -> tuple[Float[np.ndarray, "n_arms n_facts"], Float[np.ndarray, " n_facts"]]:
    """Sum of scores and number of questions of each fact."""
    _, member = np.unique(np.asarray(facts), return_inverse=True)
    counts = np.bincount(member).astype(float)
    return np.stack([np.bincount(member, weights=row) for row in scores]), counts
