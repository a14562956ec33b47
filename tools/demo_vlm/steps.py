"""Optimiser, learning rate and progress of a lesson."""

import math
import time

import torch
from torch import Tensor, nn

_EVERY = 50
"""Steps between two lines of progress."""


class Steps:
    """AdamW with a linear warm-up, then half a cosine down to zero."""

    def __init__(
        self, lesson: str, trained: list[nn.Parameter], n_steps: int, *, rate: float, decay: float, warmup: int
    ) -> None:
        self._lesson, self._trained, self._n_steps, self._warmup = lesson, trained, n_steps, warmup
        self._optimizer = torch.optim.AdamW(trained, lr=rate, betas=(0.9, 0.98), weight_decay=decay)
        self._rates = torch.optim.lr_scheduler.LambdaLR(self._optimizer, self._factor)
        self._step, self._start = 0, time.monotonic()

    def take(self, loss: Tensor, right: dict[str, Tensor]) -> None:
        """One step down a loss; `right` is told from time to time."""
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._trained, 1.0)
        self._optimizer.step()
        self._rates.step()
        self._step += 1
        if self._step % _EVERY == 0 or self._step == self._n_steps:
            shares = ", ".join(f"{name} {share:.3f}" for name, share in right.items())
            took = f"{self._lesson} {self._step}/{self._n_steps}, {time.monotonic() - self._start:.0f} s"
            print(f"{took}: loss {loss.detach():.3f}; right: {shares}", flush=True)

    def _factor(self, step: int) -> float:
        return min((step + 1) / self._warmup, 1) * 0.5 * (1 + math.cos(math.pi * min(step / self._n_steps, 1)))
