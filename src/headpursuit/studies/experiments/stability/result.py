"""A finished stability card, as it is read back from disk."""

from dataclasses import dataclass
from typing import Literal

from headpursuit.studies.experiments.stability.config import StabilityConfig
from headpursuit.studies.kernel import Loadable, ResultKind
from headpursuit.studies.results import Estimate, Firmness

VariantKind = Literal["reference", "prompts", "phrasings", "settings", "seeds"]
"""All prompts with the settings as they are; resampled prompts; prompts of one phrasing; one setting changed; another
seed."""


@dataclass(frozen=True)
class Variant:
    """One ranking: its best heads, and those of the null lists in the same ranking."""

    kind: VariantKind
    name: str
    heads: tuple[str, ...]
    null_heads: tuple[tuple[str, ...], ...]
    """Of each null list."""


@dataclass(frozen=True)
class Alternative:
    """One variant beside the reference."""

    kind: VariantKind
    name: str
    heads: tuple[str, ...]
    jaccard: float
    """Heads that both sets have, over heads that any has."""


@dataclass(frozen=True)
class StabilityRow:
    """All variants of one kind beside the reference."""

    kind: VariantKind
    n_variants: int
    jaccard: Estimate
    """Mean Jaccard index; 95 % interval over variants."""
    null: Estimate
    """The same of the null lists, each beside its own reference; interval over lists."""
    word: Firmness


@dataclass(frozen=True)
class StabilityResult(Loadable):
    """A stability card."""

    config: StabilityConfig
    command: str
    """The command that runs it again."""
    concept: str
    model_summary: str
    n_prompts: int
    n_facts: int
    heads: tuple[str, ...]
    """The best heads of the reference, best first."""
    rows: tuple[StabilityRow, ...]
    alternatives: tuple[Alternative, ...]
    often: dict[str, float]
    """Of each head that is among the best of any bootstrap, the fraction of them; most often first."""
    word: Firmness
    sentences: tuple[str, ...]
    """The findings, in plain words."""
    versions: dict[str, str]


KIND = ResultKind("stability card", StabilityConfig, StabilityResult)
"""A stability card on disk."""
