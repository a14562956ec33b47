"""The pursuit over many small dictionaries at once, such as a concept's tokens and its random dictionaries.

Here B = A Dᵀ is small enough to keep, and so are all inner products of atoms; after that d_model plays no part. B is
never rewritten: a step with atom j appends a row [g, u], which is row j of [DDᵀ, Bᵀ] less the rows of earlier steps,
each times its g_j, divided by D_j's length outside the span (a pivoted Cholesky factorisation of DDᵀ that carries B
along).
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from headpursuit.pursuit.dictionaries import Stack
from headpursuit.pursuit.search import Search
from headpursuit.pursuit.signals import Signals


class Stacked(Search):
    """Several dictionaries of one size for all heads; problem p * n_heads + h is head h with dictionary p."""

    def __init__(self, signals: Signals, stack: Stack, n_steps: int) -> None:
        n_heads, d_head, _ = signals.rows.shape
        n_dictionaries, n_atoms, _ = stack.units.shape
        super().__init__(signals.energy.repeat(n_dictionaries), signals.rows.dtype)
        self.left, self._n_heads = signals.left, n_heads
        self._gram = stack.gram
        products = (stack.units.flatten(0, 1) @ signals.rows.flatten(0, 1).T).view(
            n_dictionaries, n_atoms, n_heads, d_head
        )
        self._products = products.transpose(1, 2).reshape(-1, n_atoms, d_head)
        self._rows = signals.rows.new_empty(len(self._products), n_steps, n_atoms + d_head)
        self._problems = torch.arange(len(self._products), device=self._products.device)
        self._step = 0
        self.scores = torch.linalg.vector_norm(self._products, dim=2).square()
        self.outside = torch.ones_like(self.scores)
        self.scores.masked_fill_(stack.never.repeat_interleave(n_heads, 0), -torch.inf)

    @staticmethod
    def bytes_per_head(signals: Signals, n_dictionaries: int, n_atoms: int, n_steps: int) -> int:
        """Memory that a head takes: B twice while it is made, the rows, and four arrays of scores."""
        _, d_head, _ = signals.rows.shape
        numbers = (2 * d_head + 4) * n_atoms + n_steps * (n_atoms + d_head)
        return n_dictionaries * numbers * signals.rows.element_size()

    @property
    def _g(self) -> Float[Tensor, "n_problems n_steps n_atoms"]:
        return self._rows[:, : self._step, : self._products.shape[1]]

    @property
    def _u(self) -> Float[Tensor, "n_problems n_steps d_head"]:
        return self._rows[:, : self._step, self._products.shape[1] :]

    def columns(  # noqa: D102
        self, problems: Int[Tensor, " n_some"] | slice, atoms: Int[Tensor, "n_some n_candidates"]
    ) -> Float[Tensor, "n_some d_head n_candidates"]:
        which = self._problems[problems][:, None]
        return (self._products[which, atoms] - self._g[which, :, atoms] @ self._u[problems]).mT

    def columns_of(  # noqa: D102
        self, head: int, dictionaries: Int[Tensor, " n_some"], atoms: Int[Tensor, " n_some"]
    ) -> Float[Tensor, "d_head n_some"]:
        return self.columns(dictionaries * self._n_heads + head, atoms[:, None])[:, :, 0].T

    def add(  # noqa: D102
        self, atom: Int[Tensor, " n_problems"], taken: Bool[Tensor, " n_problems"], last: bool
    ) -> Float[Tensor, "n_problems d_head"]:
        problems = self._problems
        scale = taken / self.outside[problems, atom].clamp_min(self.tolerance).sqrt()
        of_atom = torch.cat([self._gram[problems // self._n_heads, atom], self._products[problems, atom]], dim=1)
        g_of_atom = self._g.gather(2, atom[:, None, None].expand(-1, self._step, 1))
        row = (of_atom - (g_of_atom.mT @ self._rows[:, : self._step])[:, 0]) * scale[:, None]
        self._rows[:, self._step] = row
        self._step += 1
        g, u = row.split(self._products.shape[1:], dim=1)
        if not last:
            inner = self._products @ u[:, :, None] - self._g.mT @ (self._u @ u[:, :, None])
            self.lower(slice(None), g, inner[:, :, 0], u.square().sum(1, keepdim=True))
        return u
