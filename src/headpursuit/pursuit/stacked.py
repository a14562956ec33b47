"""The pursuit over many small dictionaries at once, such as a concept's tokens and its random dictionaries.

Here B = A Dᵀ is small enough to keep, and so are the inner products of atoms, DDᵀ, and of what they see, BᵀB; after
that d_model plays no part. None of them is ever rewritten: a step with atom j appends a row [Bᵀu, Dq, u], where Bᵀu is
of the first B. It is row j of [BᵀB, DDᵀ, Bᵀ], less the rows of earlier steps, each times its g_j, over D_j's length
outside the span (a pivoted Cholesky factorisation of DDᵀ that carries two more blocks along). So a step reads one row
of BᵀB, not all of B.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from headpursuit.pursuit.dictionaries import Stack
from headpursuit.pursuit.search import Search
from headpursuit.pursuit.signals import Signals

_ATOMS_PER_DIMENSION = 2
"""BᵀB is kept up to so many atoms for each dimension of a head: with more it would take more room than it saves."""


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
        n_between = _n_between(n_atoms, d_head)
        self._between = self._products @ self._products.mT if n_between else None
        self._widths = (n_between, n_atoms, d_head)
        self._rows = signals.rows.new_empty(len(self._products), n_steps, sum(self._widths))
        self._problems = torch.arange(len(self._products), device=self._products.device)
        self._step = 0
        self.scores = torch.linalg.vector_norm(self._products, dim=2).square()
        self.outside = torch.ones_like(self.scores)
        self.scores.masked_fill_(stack.never.repeat_interleave(n_heads, 0), -torch.inf)

    @staticmethod
    def bytes_per_head(signals: Signals, n_dictionaries: int, n_atoms: int, n_steps: int) -> int:
        """Memory that a head takes: B twice while it is made, BᵀB, the rows, and four arrays of scores."""
        _, d_head, _ = signals.rows.shape
        n_between = _n_between(n_atoms, d_head)
        numbers = (2 * d_head + n_between + 4) * n_atoms + n_steps * (n_between + n_atoms + d_head)
        return n_dictionaries * numbers * signals.rows.element_size()

    def _blocks(self) -> tuple[Tensor, Tensor, Tensor]:
        """The rows so far, (n_problems, n_steps so far, ...): Bᵀu, g and u."""
        return self._rows[:, : self._step].split(self._widths, dim=2)

    def columns(  # noqa: D102
        self, problems: Int[Tensor, " n_some"] | slice, atoms: Int[Tensor, "n_some n_candidates"]
    ) -> Float[Tensor, "n_some d_head n_candidates"]:
        _, g, u = self._blocks()
        which = self._problems[problems][:, None]
        return (self._products[which, atoms] - g[which, :, atoms] @ u[problems]).mT

    def columns_of(  # noqa: D102
        self, head: int, dictionaries: Int[Tensor, " n_some"], atoms: Int[Tensor, " n_some"]
    ) -> Float[Tensor, "d_head n_some"]:
        return self.columns(dictionaries * self._n_heads + head, atoms[:, None])[:, :, 0].T

    def add(  # noqa: D102
        self, atom: Int[Tensor, " n_problems"], taken: Bool[Tensor, " n_problems"], last: bool
    ) -> Float[Tensor, "n_problems d_head"]:
        problems, (_, g, _) = self._problems, self._blocks()
        scale = taken / self.outside[problems, atom].clamp_min(self.tolerance).sqrt()
        of_atom = [self._gram[problems // self._n_heads, atom], self._products[problems, atom]]
        if self._between is not None:
            of_atom.insert(0, self._between[problems, atom])
        of_atom_g = g.gather(2, atom[:, None, None].expand(-1, g.shape[1], 1))
        known = of_atom_g.mT @ self._rows[:, : self._step]
        row = (torch.cat(of_atom, dim=1) - known[:, 0]) * scale[:, None]
        self._rows[:, self._step] = row
        self._step += 1
        if not last:
            self._update()
        return row[:, -self._widths[-1] :]

    def _update(self) -> None:
        seen, g, u = self._blocks()
        newest = u[:, -1, :, None]
        first = self._products @ newest if self._between is None else seen[:, -1, :, None]
        inner = first[:, :, 0] - ((u @ newest).mT @ g)[:, 0]
        self.lower(slice(None), g[:, -1], inner, newest.square().sum(1))


def _n_between(n_atoms: int, d_head: int) -> int:
    """Width at which BᵀB is kept; 0: it is not."""
    return n_atoms if n_atoms <= _ATOMS_PER_DIMENSION * d_head else 0
