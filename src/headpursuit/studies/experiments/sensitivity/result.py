"""A finished sensitivity study, as it is read back from disk."""

from dataclasses import dataclass
from typing import Literal

from headpursuit.analysis import Suggestion
from headpursuit.studies.experiments.sensitivity.config import SensitivityConfig
from headpursuit.studies.experiments.sensitivity.variants import Kind
from headpursuit.studies.kernel import Loadable, ResultKind
from headpursuit.studies.results import ArmSummary, Estimate
from headpursuit.studies.tasks import Direction

Outcome = Literal["stable", "depends on the list", "not about the words", "noisy"]
"""The outcomes of a study; `conclude` says when it is which."""


@dataclass(frozen=True)
class Draw:
    """One word list, its best heads, and how well its ranking agrees with the full list's."""

    kind: Kind
    label: str
    level: float | None
    """Fraction of the words that is kept, or added."""
    n_words: int
    """Words that a token stands for."""
    n_tokens: int
    heads: tuple[str, ...]
    """Those its edit would rescale, best first."""
    overlap: float
    """Fraction of them that are the full list's."""
    overlap_more: float
    """The same for the best `more_heads`."""
    spearman: float
    """Rank correlation of the scores of all heads."""
    spearman_top: float
    """The same over the full list's best `n_top` heads."""
    found_again: float | None
    """Of the words that were left out, how many are among the first suggestions: of as many as were left out, or as are
    suggested, whichever is less. None where no words were left out."""

    @property
    def same_edit(self) -> bool:
        """True if its edit would rescale the same heads as the full list's."""
        return self.overlap == 1


@dataclass(frozen=True)
class Effect:
    """The effect of some lists' edits on the task, over draws."""

    target: Estimate
    """Fraction by which the target score falls, or rises where the task enhances; see `effect`."""
    unrelated: Estimate | None
    """Change of the unrelated questions' score; None where the task has none."""
    broken: float
    """Fraction of the draws whose edit breaks the model; what `target` says of those is no effect on the concept."""


@dataclass(frozen=True)
class Agreement:
    """The agreement of lists of one kind and level with the full one: means over draws with 95 % intervals."""

    kind: Kind
    label: str
    level: float | None
    n_draws: int
    n_words: float
    """Mean number of words that a token stands for."""
    n_tokens: float
    overlap: Estimate
    overlap_more: Estimate
    spearman: Estimate
    spearman_top: Estimate
    same_edit: Estimate
    """Fraction of the draws whose edit would rescale the same heads as the full list's."""
    found_again: Estimate | None
    effect: Effect | None
    """None if no task was measured."""


@dataclass(frozen=True)
class Measured:
    """The task's questions, measured: the base, and every different set of heads once."""

    task: str
    direction: Direction
    n_questions: int
    base: ArmSummary
    arms: tuple[ArmSummary, ...]
    """The full list's edit first."""
    effects: tuple[float, ...]
    """Of each arm: the fraction by which the target score falls, or rises where the task enhances."""
    signs: tuple[tuple[str, ...], ...]
    """Of each arm: what it breaks, in words; none for most."""
    sentence: str
    """The finding, in words."""


@dataclass(frozen=True)
class SensitivityResult(Loadable):
    """A finished study of how much a ranking depends on its word list."""

    config: SensitivityConfig
    concept: str
    command: str
    """The command that runs it again."""
    n_words: int
    """Of the concept."""
    n_known: int
    """Of these, those that a token stands for: what fractions are of."""
    n_tokens: int
    n_heads: int
    """Of the model."""
    edit_heads: int
    """Number of heads that the edit takes, k."""
    more_heads: int
    """The larger number of best heads that is compared too."""
    n_top: int
    """Best heads of the full list that `spearman_top` is over."""
    agreements: tuple[Agreement, ...]
    """The full list first, which agrees with itself."""
    draws: tuple[Draw, ...]
    stable_from: float | None
    """The smallest fraction of the words from which on the mean overlap stays at `config.stable`; None if none does."""
    outcome: Outcome
    sentence: str
    """The outcome in one sentence."""
    suggestions: tuple[Suggestion, ...]
    """Words that may be missing; none was added to any list."""
    measured: Measured | None
    """None if no task was asked for."""
    remarks: tuple[str, ...]
    """Remarks for readers, one sentence each."""
    versions: dict[str, str]

    @property
    def chance(self) -> float:
        """The overlap that as many random heads would have."""
        return self.edit_heads / self.n_heads

    @property
    def chance_more(self) -> float:
        """The same for `more_heads`."""
        return self.more_heads / self.n_heads

    def of(self, kind: Kind) -> tuple[Agreement, ...]:
        """The agreements of one kind."""
        return tuple(a for a in self.agreements if a.kind == kind)


KIND = ResultKind("sensitivity study", SensitivityConfig, SensitivityResult)
"""A sensitivity study on disk."""
