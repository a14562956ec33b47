"""Evidence that every ranker is given, and the sums that several of them need."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headpursuit.analysis.captures import Capture
from headpursuit.analysis.nulls import null_dictionaries
from headpursuit.analysis.samples import Samples
from headpursuit.concepts import Concept
from headpursuit.heads import Head
from headpursuit.media import Prompt
from headpursuit.models import Chat, HeadSite, LanguageModel, tokens_of, unembedding, write_weights
from headpursuit.pursuit import Dictionary
from headpursuit.settings import RankConfig


class Unsuited(ValueError):
    """A ranker lacks something that this model, capture or task does not have."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Prompts, what the heads did while the model read them, and what the right answers are.

    Raises:
        ValueError: If answers or facts are not one for each prompt.
    """

    model: LanguageModel
    prompts: tuple[Prompt, ...]
    """Heads are ranked on these, and on nothing else."""
    capture: Capture
    """Of these prompts, with samples."""
    concept: Concept
    answers: tuple[tuple[int, ...], ...]
    """For each prompt the tokens that begin its right answers; empty where none is known."""
    facts: tuple[str, ...]
    """For each prompt what it asks for: prompts of one fact stay together in cross-validation."""
    config: RankConfig
    """Atoms, random dictionaries and tokens of the concept; rule, centring and score are the rankers' own."""
    batch_size: int = 32
    chat: Chat | bool = False
    seed: int = 0
    """Of random heads, folds and shuffles."""

    def __post_init__(self) -> None:
        for name in ("answers", "facts"):
            if len(getattr(self, name)) != len(self.prompts):
                raise ValueError(
                    f"{len(getattr(self, name))} {name} for {len(self.prompts)} prompts; give one for each"
                )

    @cached_property
    def concept_ids(self) -> Int[Tensor, " n_atoms"]:
        """The concept's tokens."""
        return torch.tensor(tokens_of(self.model, self.concept, self.config.multi_token).token_ids)

    @cached_property
    def directions(self) -> Float[Tensor, "vocab d_model"]:
        """The unembedding."""
        return unembedding(self.model, gain=self.config.gain).vectors

    @property
    def samples(self) -> Samples:
        """Mixed values position by position.

        Raises:
            Unsuited: If the capture kept none.
        """
        if self.capture.samples is None:
            raise Unsuited("the capture kept no samples; capture with samples")
        return self.capture.samples

    def written(self) -> Iterator[tuple[HeadSite, Float[Tensor, "n_samples n_heads d_model"]]]:
        """The writes of each site's heads at each sample."""
        for site in self.model.anatomy.sites:
            write = write_weights(self.model.network, site)
            yield site, torch.einsum("nhd,hdm->nhm", self.samples.mixed[site.name].to(write), write)

    @property
    def answer_length(self) -> int:
        """Tokens that the model answered with where answers were captured; 0 where only prompts were read."""
        config = self.capture.config
        return config.max_new_tokens if config.positions in ("generated", "all") else 0

    def right_answers(self) -> tuple[tuple[int, ...], ...]:
        """The answers.

        Raises:
            Unsuited: If a prompt has none.
        """
        if not all(self.answers):
            raise Unsuited("the right answers of its ranking prompts are not known")
        return self.answers

    def dictionaries(self) -> tuple[Dictionary, ...]:
        """The concept's tokens, then as large random dictionaries, the ones that `rank` draws."""
        how = self.config
        draws = null_dictionaries(self.model, self.directions, self.concept_ids, how.null, how.n_draws, how.seed)
        return tuple(
            Dictionary.of(self.directions[rows.to(self.directions.device)]) for rows in (self.concept_ids, *draws)
        )

    def folds(self, n_folds: int) -> Int[Tensor, " n_samples"]:
        """A fold for each sample; all samples of a fact have the same, and folds have about as many facts.

        Raises:
            Unsuited: If there are fewer than two facts.
        """
        asked = sorted({self.facts[i] for i in self.samples.prompt_of.tolist()})
        if len(asked) < 2:
            raise Unsuited(f"its ranking prompts ask for {len(asked)} fact; cross-validation needs two")
        random.Random(self.seed).shuffle(asked)
        fold_of = {fact: number % min(n_folds, len(asked)) for number, fact in enumerate(asked)}
        return torch.tensor([fold_of[self.facts[i]] for i in self.samples.prompt_of.tolist()])


def by_head(site: HeadSite, scores: Float[Tensor, " n_heads"]) -> dict[Head, float]:
    """A site's scores by head."""
    return dict(zip(site.heads, scores.tolist(), strict=True))
