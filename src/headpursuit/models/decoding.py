"""The decoding of answers, where it is not greedily and up to their end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from headpursuit.models.sampling import Draws


@dataclass(frozen=True)
class Decoding:
    """A way to decode answers."""

    least: int = 0
    """Tokens before an answer may end."""
    temperature: float = 0.0
    """Of sampling from the whole vocabulary; 0 is greedy."""
    seed: int = 0
    """Of the samples: the same ones on the same machine, in the same batches."""
    draws: Draws | None = None
    """Samples with noise of each prompt's own, the same ones in all batches; in place of a temperature."""

    def options(self, prompts: Sequence[int], start: int) -> dict[str, Any]:
        """Options of `generate`.

        Args:
            prompts: Of each row the number of its prompt.
            start: Tokens of each row.
        """
        found: dict[str, Any] = {"min_new_tokens": self.least} if self.least else {}
        if self.temperature:
            found |= {"do_sample": True, "temperature": self.temperature, "top_k": 0, "top_p": 1.0}
        if self.draws:
            found |= self.draws.options(prompts, start)
        return found

    @contextmanager
    def seeded(self, number: int) -> Iterator[None]:
        """Seed what is drawn inside the block, of one of several batches; afterwards generators are as before."""
        if not self.temperature:
            yield
            return
        with torch.random.fork_rng():
            torch.manual_seed(self.seed + number)
            yield
