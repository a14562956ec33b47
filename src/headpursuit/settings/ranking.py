"""The settings of rankings and atlases."""

from dataclasses import dataclass
from typing import get_args

from headpursuit.settings.words import MultiToken, Null, Rule, Score


@dataclass(frozen=True)
class RankConfig:
    """Settings of a ranking; saved beside it."""

    score: Score = "specificity"
    """The figure that heads are sorted by. explained is the paper's: the fraction of the head's energy that the
    concept's tokens explain; specificity: that, minus the mean over random dictionaries of the same size."""
    rule: Rule = "l2"
    """The rule by which the pursuit chooses atoms."""
    n_atoms: int = 20
    """Atoms chosen per dictionary, at most as many as the concept has tokens."""
    centre: bool = True
    """Subtract what a head writes on average first."""
    gain: bool = False
    """Multiply token directions by the final norm's gain."""
    n_draws: int = 16
    """Random dictionaries to compare with."""
    null: Null = "any"
    """The tokens in those: any, or for each of the concept's tokens one matched to it, which is written alike and
    about as frequent."""
    multi_token: MultiToken = "drop"
    """Words of several tokens: drop them, or their first token stands for them."""
    seed: int = 0
    """Seed of the random dictionaries."""

    def __post_init__(self) -> None:
        if self.score not in get_args(Score):
            raise ValueError(f"unknown score {self.score!r}; choose {' or '.join(get_args(Score))}")
        if self.rule not in get_args(Rule):
            raise ValueError(f"unknown rule {self.rule!r}; choose {' or '.join(get_args(Rule))}")
        if self.null not in get_args(Null):
            raise ValueError(f"unknown null {self.null!r}; choose {' or '.join(get_args(Null))}")
        if self.n_draws < 2:
            raise ValueError(f"n_draws is {self.n_draws}; a z-score needs at least 2 random dictionaries")
        if self.n_atoms < 1:
            raise ValueError(f"n_atoms is {self.n_atoms}; a pursuit chooses at least one atom")


@dataclass(frozen=True)
class AtlasConfig:
    """Settings of an atlas; saved in it."""

    n_tokens: int = 10
    """Tokens that name each head, at most."""
    ranking: RankConfig = RankConfig(n_draws=99, null="matched")
    """The scoring of heads for concepts. The tokens are chosen by the same rule, centring and gain."""

    def __post_init__(self) -> None:
        if self.n_tokens < 1:
            raise ValueError(f"n_tokens is {self.n_tokens}; a head is named by at least one token")
        if self.ranking.score != "specificity":
            raise ValueError(f"the score is {self.ranking.score!r}, but an atlas sorts nothing by it; leave it out")
