"""How much of each head a concept's tokens explain, and how much of that any tokens would."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headpursuit.pursuit.dictionaries import Stack
from headpursuit.pursuit.search import Rule
from headpursuit.pursuit.signals import Signals
from headpursuit.pursuit.somp import pursue_each


@dataclass(frozen=True)
class Scores:
    """What a concept's tokens explain of every head, beside random dictionaries of the same size."""

    explained: Float[Tensor, " n_heads"]
    """Fraction of the head's energy explained by the concept's tokens: the paper's score."""
    null: Float[Tensor, "n_draws n_heads"]
    """The same for each random dictionary."""

    @property
    def specificity(self) -> Float[Tensor, " n_heads"]:
        """`explained` minus the mean over the random dictionaries."""
        return self.explained - self.null.mean(0)

    @property
    def z(self) -> Float[Tensor, " n_heads"]:
        """`specificity` in standard deviations of the random dictionaries' `explained`."""
        return self.specificity / self.null.std(0).clamp_min(torch.finfo(self.null.dtype).tiny)


def random_dictionaries(
    n_atoms: int, size: int, exclude: Int[Tensor, " n_excluded"], n_draws: int, seed: int
) -> Int[Tensor, "n_draws size"]:
    """Rows of a dictionary of `n_atoms`, drawn without replacement and without the excluded ones.

    Raises:
        ValueError: If fewer than `size` atoms are left.
    """
    kept = torch.ones(n_atoms, dtype=torch.bool)
    kept[exclude.cpu()] = False
    pool = kept.nonzero()[:, 0]
    if len(pool) < size:
        raise ValueError(
            f"a random dictionary needs {size} atoms, but only {len(pool)} are left beside the concept; "
            "use a smaller concept"
        )
    generator = torch.Generator().manual_seed(seed)
    weights = torch.ones(n_draws, len(pool))
    return pool[weights.multinomial(size, generator=generator)]


def score_heads(
    signals: Signals,
    dictionaries: Stack,
    *,
    n_steps: int,
    rule: Rule = "l2",
) -> Scores:
    """Score every head for a concept.

    Args:
        signals: The heads' signals.
        dictionaries: The concept's tokens (the restricted dictionary), then as large random dictionaries
            (see `random_dictionaries`).
        n_steps: Atoms chosen from each dictionary.
        rule: How atoms are chosen (see `pursue`).

    Source: `explained` of a restricted dictionary is the score of arXiv 2510.21518, section 3.
    Differences: 1. random dictionaries of the same size beside it, because heads that always write nearly the
        same vector are "explained" by anything.
    """
    found = pursue_each(signals, dictionaries, n_steps, rule=rule)
    return Scores(found[0].explained[:, -1], torch.stack([one.explained[:, -1] for one in found[1:]]))
