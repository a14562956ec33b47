"""p- and q-values: how surprising a head's score is, of all heads at once.

The null hypothesis of a head: its concept's tokens explain it no better than as many random tokens. If it is true, the
concept's score is one more draw, and its place among the random dictionaries' scores is uniform (`Scores.p`, exact for
each head). But a model has hundreds of heads, so p would have to be far below one over the number of draws that anyone
can afford. What random dictionaries explain differs between heads in level and spread, and much less in shape; so

1. each head's 1 + n_draws scores are standardised by their own mean and deviation, the concept's and the random
   ones alike, so that under the null all of them are still exchangeable;
2. the random dictionaries' standardised scores of all heads are pooled: a head's pooled p-value is the fraction of
   them that reach the concept's. Over all heads together the number of false positives is right on average, whatever
   the shapes and however heads depend on each other;
3. Benjamini and Hochberg's step-up procedure turns these into q-values.
"""

import torch
from jaxtyping import Float
from scipy.stats import false_discovery_control
from torch import Tensor

from headpursuit.pursuit.ranking import Scores

_ROUNDING = 1e-6
"""Heads whose scores differ by no more than float32 rounds are equally explained by everything."""


def q_values(scores: Scores) -> Float[Tensor, " n_heads"]:
    """False-discovery rate at which each head would just be found, all heads considered.

    The heads with q <= 0.05 are a set of which at most 5 % are expected to be false. q cannot be below
    about 1 / (n_draws k) where k heads are found.

    Source: pooled null: Tusher, Tibshirani and Chu (2001); step-up: Benjamini and Hochberg (1995).
    Differences: 1. the concept's own score takes part in the standardisation, so that no draw is special.
    """
    return benjamini_hochberg(pooled_p(scores))


def pooled_p(scores: Scores) -> Float[Tensor, " n_heads"]:
    """Fraction of all heads' random dictionaries, standardised, that reach each head's concept: steps 1 and 2 above."""
    concept, null = _standardised(scores)
    pool = null.flatten().sort().values
    reached = len(pool) - torch.searchsorted(pool, concept)
    return (1 + reached.double()) / (1 + len(pool))


def benjamini_hochberg(p: Float[Tensor, " n_tests"]) -> Float[Tensor, " n_tests"]:
    """p-values turned into q-values: q <= level chooses what the step-up procedure rejects at that level."""
    return torch.from_numpy(false_discovery_control(p.numpy(force=True))).to(p)


def _standardised(scores: Scores) -> tuple[Float[Tensor, " n_heads"], Float[Tensor, "n_draws n_heads"]]:
    everything = torch.cat([scores.explained[None], scores.null])
    spread = everything.std(0)
    flat = spread <= _ROUNDING
    standing = (everything - everything.mean(0)) / torch.where(flat, 1.0, spread)
    standing = torch.where(flat, 0.0, standing)
    return standing[0], standing[1:]
