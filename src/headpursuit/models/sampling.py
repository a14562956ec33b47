"""Tokens drawn at random, with noise that belongs to the prompt: edits of the same prompt meet the same chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

_LIKELY = 1024
"""Tokens among which the likeliest ones are looked for first; to sort a whole vocabulary takes long."""


@dataclass(frozen=True)
class Sampling:
    """A way of drawing tokens."""

    temperature: float
    """The divisor of the logits, above 0."""
    top_p: float = 1.0
    """Only the likeliest tokens are drawn: as few as have this probability together."""


@dataclass(frozen=True)
class Draws:
    """The prompts whose answers are drawn, and how."""

    sampling: Sampling
    seeds: tuple[str | None, ...]
    """Of each prompt a text that its noise is made of; None for one that takes the likeliest token always."""

    def options(self, prompts: Sequence[int], start: int) -> dict[str, Any]:
        """Options of `generate` for the prompts of these numbers, a row each; `start` tokens stand before the first."""
        seeds = [self.seeds[prompt] for prompt in prompts]
        return {"logits_processor": LogitsProcessorList([_Drawn(self.sampling, seeds, start)])}


class _Drawn(LogitsProcessor):
    """Log-probabilities with Gumbel noise added: the largest is a draw.

    Source: Gumbel (1954). One noise for a prompt with and without an edit: Oberst and Sontag (2019).
    """

    def __init__(self, sampling: Sampling, seeds: Sequence[str | None], start: int) -> None:
        self._sampling, self._seeds, self._start = sampling, seeds, start

    def __call__(
        self, input_ids: Int[Tensor, "n_rows n_tokens"], scores: Float[Tensor, "n_rows vocab"]
    ) -> Float[Tensor, "n_rows vocab"]:
        """The scores of the next token."""
        rows = [row for row, seed in enumerate(self._seeds) if seed is not None]
        if not rows:
            return scores
        step, n_tokens = input_ids.shape[1] - self._start, scores.shape[1]
        noises = {seed: _noise(seed, step, n_tokens) for seed in self._seeds if seed is not None}
        noise = torch.stack([noises[seed] for seed in self._seeds if seed is not None])
        found = scores.clone()
        likely = (scores[rows].float() / self._sampling.temperature).log_softmax(-1)
        found[rows] = (_likeliest(likely, self._sampling.top_p) + noise.to(likely.device)).to(found.dtype)
        return found


def _noise(text: str, step: int, n_tokens: int) -> Float[Tensor, " n_tokens"]:
    """Gumbel noise of one prompt at one step: on the CPU, so that it is the same on every device."""
    seed = int.from_bytes(sha256(f"{step} {text}".encode()).digest()[:7])
    uniform = torch.rand(n_tokens, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return -(-uniform.clamp_min(1e-300).log()).log().float()


def _likeliest(likely: Float[Tensor, "n_rows vocab"], top_p: float) -> Float[Tensor, "n_rows vocab"]:
    """Log-probabilities without those of tokens beyond the likeliest ones."""
    if top_p >= 1:
        return likely
    values, places = likely.topk(min(_LIKELY, likely.shape[1]))
    if (values.exp().sum(-1) < top_p).any():
        values, places = likely.sort(descending=True)
    before = values.exp().cumsum(-1) - values.exp()
    return torch.full_like(likely, -torch.inf).scatter(-1, places, values.masked_fill(before >= top_p, -torch.inf))
