"""The pursuit over many small dictionaries at once, such as a concept's tokens and its random dictionaries.

Here B = A Dᵀ is small enough to keep, and so are all inner products of atoms; after that d_model plays no part. B is
never rewritten: u and g of the steps so far are remembered and accounted for where B is read.
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
        self._all_u = signals.rows.new_empty(len(self._products), n_steps, d_head)
        self._all_g = signals.rows.new_empty(len(self._products), n_atoms, n_steps)
        self._problems = torch.arange(len(self._products), device=self._products.device)
        self._step = 0
        self.scores = torch.linalg.vector_norm(self._products, dim=2).square()
        self.outside = torch.ones_like(self.scores)
        self.scores.masked_fill_(stack.never.repeat_interleave(n_heads, 0), -torch.inf)

    @staticmethod
    def bytes_per_head(signals: Signals, n_dictionaries: int, n_atoms: int, n_steps: int) -> int:
        """Memory that a head takes: B twice while it is made, u, g, and four arrays of scores."""
        _, d_head, _ = signals.rows.shape
        numbers = (2 * d_head + n_steps + 4) * n_atoms + n_steps * d_head
        return n_dictionaries * numbers * signals.rows.element_size()

    @property
    def _u(self) -> Float[Tensor, "n_problems n_steps d_head"]:
        return self._all_u[:, : self._step]

    @property
    def _g(self) -> Float[Tensor, "n_problems n_atoms n_steps"]:
        return self._all_g[:, :, : self._step]

    def columns(  # noqa: D102
        self, atoms: Int[Tensor, "n_problems n_candidates"]
    ) -> Float[Tensor, "n_problems d_head n_candidates"]:
        problems = self._problems[:, None]
        return (self._products[problems, atoms] - self._g[problems, atoms] @ self._u).mT

    def columns_of(  # noqa: D102
        self, head: int, dictionaries: Int[Tensor, " n_some"], atoms: Int[Tensor, " n_some"]
    ) -> Float[Tensor, "d_head n_some"]:
        problems = dictionaries * self._n_heads + head
        known = self._g[problems, atoms][:, None] @ self._u[problems]
        return (self._products[problems, atoms] - known[:, 0]).T

    def add(  # noqa: D102
        self, atom: Int[Tensor, " n_problems"], taken: Bool[Tensor, " n_problems"], last: bool
    ) -> Float[Tensor, "n_problems d_head"]:
        scale = (taken / self.outside[self._problems, atom].clamp_min(self.tolerance).sqrt())[:, None]
        u = self.columns(atom[:, None])[:, :, 0] * scale
        if not last:
            gram = self._gram[self._problems // self._n_heads, atom]
            known = self._g @ self._g[self._problems, atom][:, :, None]
            self._update(u, (gram - known[:, :, 0]) * scale)
        return u

    def _update(self, u: Float[Tensor, "n_problems d_head"], g: Float[Tensor, "n_problems n_atoms"]) -> None:
        self._all_u[:, self._step], self._all_g[:, :, self._step] = u, g
        self._step += 1
        inner = self._products @ u[:, :, None] - self._g @ (self._u @ u[:, :, None])
        self.lower(slice(None), g, inner[:, :, 0], u.square().sum(1, keepdim=True))
