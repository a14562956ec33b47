"""The pursuit over a large dictionary, such as a whole vocabulary.

B = A Dᵀ is never kept: a tile of atoms at a time is scored once, and each step reads D once more for g = D q and
u·b_j = D_j·(A_tᵀ u), both from one matrix product. The residual A_t is only d_head rows, so it is simply rewritten.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from headpursuit.pursuit.dictionaries import Dictionary
from headpursuit.pursuit.search import Search
from headpursuit.pursuit.signals import Signals

_BLOCK_BYTES = {"cpu": 2**23, "cuda": 2**28}
"""Size of a block of products: on a CPU such that it stays in the cache."""


class Tiled(Search):
    """One dictionary for all heads; a problem is a head."""

    def __init__(self, signals: Signals, dictionary: Dictionary, n_steps: int, tile: int | None) -> None:
        super().__init__(signals.energy, signals.rows.dtype)
        self.left, self._residual, self._dictionary = signals.left, signals.rows.clone(), dictionary
        n_heads, self._d_head, d_model = signals.rows.shape
        self._basis = signals.rows.new_zeros(n_heads, n_steps, d_model)
        self._step = 0
        self._block = _BLOCK_BYTES.get(signals.rows.device.type, _BLOCK_BYTES["cpu"]) // signals.rows.element_size()
        self._width = tile or max(256, self._block // (4 * max(n_heads, self._d_head)))
        self.scores = signals.rows.new_empty(n_heads, len(dictionary))
        self.outside = torch.ones_like(self.scores)
        self._score_all()
        self.scores[:, dictionary.factors == 0] = -torch.inf

    @staticmethod
    def bytes_per_head(signals: Signals, n_atoms: int, n_steps: int) -> int:
        """Memory that a head takes: residual, basis, two arrays; while choosing, the residual again and four more."""
        _, d_head, d_model = signals.rows.shape
        return ((2 * d_head + n_steps) * d_model + 6 * n_atoms) * signals.rows.element_size()

    def _score_all(self) -> None:
        for tile in self._dictionary.tiles(self._width):
            atoms = self._dictionary.unit(tile, self._residual)
            n_heads = max(1, self._block // (self._d_head * len(atoms)))
            for start in range(0, len(self._residual), n_heads):
                rows = self._residual[start : start + n_heads]
                products = (rows.flatten(0, 1) @ atoms.T).unflatten(0, (-1, self._d_head))
                self.scores[start : start + n_heads, tile] = products.square_().sum(1)

    def columns(  # noqa: D102
        self, problems: Int[Tensor, " n_some"] | slice, atoms: Int[Tensor, "n_some n_candidates"]
    ) -> Float[Tensor, "n_some d_head n_candidates"]:
        units = self._dictionary.unit(atoms.flatten(), self._residual).unflatten(0, atoms.shape)
        return self._residual[problems] @ units.mT

    def columns_of(  # noqa: D102
        self, head: int, _: Int[Tensor, " n_some"], atoms: Int[Tensor, " n_some"]
    ) -> Float[Tensor, "d_head n_some"]:
        return self._residual[head] @ self._dictionary.unit(atoms, self._residual).T

    def add(  # noqa: D102
        self, atom: Int[Tensor, " n_problems"], taken: Bool[Tensor, " n_problems"], last: bool
    ) -> Float[Tensor, "n_problems d_head"]:
        q = self._direction(atom) * taken[:, None]
        u = (self._residual @ q[:, :, None])[:, :, 0]
        self._residual.baddbmm_(u[:, :, None], q[:, None], alpha=-1)
        self._basis[:, self._step] = q
        self._step += 1
        if not last:
            self._update(q, u)
        return u

    def _direction(self, atom: Int[Tensor, " n_heads"]) -> Float[Tensor, "n_heads d_model"]:
        """The atom's part outside the span, at unit length; projecting twice keeps the basis orthogonal."""
        q = self._dictionary.unit(atom, self._residual)
        basis = self._basis[:, : self._step]
        for _ in range(2):
            q = q - (basis.mT @ (basis @ q[:, :, None]))[:, :, 0]
        return torch.nn.functional.normalize(q, dim=1)

    def _update(self, q: Float[Tensor, "n_heads d_model"], u: Float[Tensor, "n_heads d_head"]) -> None:
        falling = (u[:, None] @ self._residual)[:, 0]
        both, gain = torch.cat([q, falling]), u.square().sum(1, keepdim=True)
        for tile in self._dictionary.tiles(self._width):
            # Products are made unit long rather than atoms: there are usually fewer of them.
            products = both @ self._dictionary.vectors[tile].to(q).T
            g, inner = products.mul_(self._dictionary.factors[tile].to(q)).split(len(q))
            self.lower(tile, g, inner, gain)
