"""The fraction of each head that a concept's tokens explain, and how much of that any tokens would."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.pursuit.dictionaries import Stack
from headpursuit.pursuit.search import Rule
from headpursuit.pursuit.signals import Signals
from headpursuit.pursuit.somp import pursue_each


@dataclass(frozen=True, eq=False)
class Scores:
    """Fractions of every head that a concept's tokens explain, beside those of random dictionaries of the same size."""

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

    @property
    def p(self) -> Float[Tensor, " n_heads"]:
        """Chance that one more random dictionary explains each head as well; of each head by itself."""
        return (1 + (self.null >= self.explained).double().sum(0)) / (1 + len(self.null))


def explained_by(
    signals: Signals, dictionaries: Stack, *, n_steps: int, rule: Rule = "l2"
) -> Float[Tensor, "n_dictionaries n_heads"]:
    """The fraction of each head that each dictionary explains after all steps."""
    found = pursue_each(signals, dictionaries, n_steps, rule=rule)
    return torch.stack([one.explained[:, -1] for one in found])
