"""The decoding of answers, where it is not greedily and up to their end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Decoding:
    """A way to decode answers."""

    least: int = 0
    """Tokens before an answer may end."""
    temperature: float = 0.0
    """Of sampling from the whole vocabulary; 0 is greedy."""
    seed: int = 0
    """Of the samples: the same ones on the same machine, in the same batches."""

    @property
    def options(self) -> dict[str, Any]:
        """Options of `generate`."""
        found: dict[str, Any] = {"min_new_tokens": self.least} if self.least else {}
        if self.temperature:
            found |= {"do_sample": True, "temperature": self.temperature, "top_k": 0, "top_p": 1.0}
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
