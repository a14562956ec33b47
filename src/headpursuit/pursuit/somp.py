"""Simultaneous orthogonal matching pursuit (SOMP) below the output projection.

The problem, per head: which few atoms D_j of a dictionary explain all rows of H at once? The plain algorithm
(Tropp, Gilbert and Strauss 2006; Algorithm 1 of arXiv 2510.21518) starts from R = H and repeats
    1. choose the atom with the largest score against the residual R,
    2. R = H - projection of H onto the span of all chosen atoms.
The same atoms come out, with a cost that does not depend on the number of samples, as follows.
    1. B = A Dᵀ, where A = LᵀW are the head's d_head rows (see `signals`). The columns b_j of B have |b_j|² = |H D_j|².
    2. The chosen atom's part outside the span, at unit length, is q. Only u = A q and g = D q are ever needed: u is
       b_j scaled, and g is D D_j less what the earlier atoms account for, scaled alike (a Cholesky step).
    3. Against the new residual, b_j becomes b_j - g_j u. B is never rewritten: u and g are remembered, and
       u·b_j is corrected by the earlier steps as Σ_s (u·u_s) g_sj.
    4. |b_j|² <- |b_j|² - 2 g_j (u·b_j) + g_j² |u|², and the explained fraction grows by |u|² / |H|².
    5. Before an atom is chosen the leading candidates are scored afresh from B, u and g, so rounding in the running
       scores never decides.
One sample and one step is the logit lens.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headpursuit.pursuit.signals import Signals

Rule = Literal["l1", "l2", "forward"]

_CANDIDATES = 8
"""How many leading atoms are scored afresh at once."""


@dataclass(frozen=True)
class Dictionary:
    """Unit-length atoms to explain signals with."""

    atoms: Float[Tensor, "n_atoms d_model"]
    """Rows of unit length; rows that were zero stay zero and are never chosen."""

    @classmethod
    def of(cls, vectors: Float[Tensor, "n_atoms d_model"]) -> "Dictionary":
        """Scale rows (of an unembedding, say) to unit length, in at least float32."""
        vectors = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
        norms = vectors.norm(dim=-1, keepdim=True)
        return cls(torch.where(norms > 0, vectors / norms, 0.0))

    def __len__(self) -> int:
        return self.atoms.shape[0]


@dataclass(frozen=True)
class Pursuit:
    """The atoms that explain each head, in the order they were chosen."""

    atoms: Int[Tensor, "n_heads n_steps"]
    """Row of the dictionary chosen at each step; -1 where nothing was left to explain or to choose."""
    explained: Float[Tensor, "n_heads n_steps"]
    """1 - |R|²/|H|² after each step, float64; never falls, and is 0 throughout for a head that writes nothing."""


def pursue(
    signals: Signals,
    dictionary: Dictionary,
    n_steps: int,
    *,
    rule: Rule = "l2",
    memory_bytes: int = 2**30,
) -> Pursuit:
    """Explain each head's signals by few atoms, all samples at once.

    Every head is solved on its own; heads are batched for speed. Equal scores go to the atom that comes first.
    Atoms that lie in the span of those chosen before are never chosen.

    Args:
        signals: The heads' signals.
        dictionary: The atoms.
        n_steps: How many atoms to choose, T in the paper.
        rule: How an atom is scored against the residual R. `l1`: Σ_i |R_i·D_j|, Tropp's and the paper's, needs signals
            made from samples. `l2`: Σ_i (R_i·D_j)². `forward`: the l2 score divided by the atom's squared
            length outside the span, which chooses what explains most (orthogonal least squares).
        memory_bytes: How many bytes B may take; heads are split into batches to stay below.

    Returns:
        Chosen atoms and explained fraction per head and step.

    Raises:
        ValueError: Unknown rule, l1 without samples, no steps, an empty dictionary, or sizes that do not match.

    Source: arXiv 2510.21518, Algorithm 1 and section 3; Tropp, Gilbert and Strauss (2006), Algorithm 3.1.
    """
    _check(signals, dictionary, n_steps, rule)
    d_head = signals.rows.shape[1]
    per_head = (d_head + n_steps) * len(dictionary) * signals.rows.element_size()
    size = max(1, memory_bytes // per_head)
    parts = [_pursue_batch(batch, dictionary, n_steps, rule) for batch in signals.split(size)]
    return Pursuit(torch.cat([p.atoms for p in parts]), torch.cat([p.explained for p in parts]))


def _check(signals: Signals, dictionary: Dictionary, n_steps: int, rule: Rule) -> None:
    if rule not in get_args(Rule):
        raise ValueError(f"unknown rule {rule!r}; choose one of {', '.join(get_args(Rule))}")
    if rule == "l1" and signals.left is None:
        raise ValueError("the l1 rule sums over samples, but only moments were given; capture with samples or use l2")
    if n_steps < 1:
        raise ValueError(f"n_steps is {n_steps}; a pursuit chooses at least one atom")
    if len(dictionary) == 0:
        raise ValueError("the dictionary has no atoms")
    if signals.rows.shape[-1] != dictionary.atoms.shape[-1]:
        raise ValueError(
            f"signals have d_model {signals.rows.shape[-1]}, the dictionary has {dictionary.atoms.shape[-1]}; "
            "they must come from one model"
        )


def _pursue_batch(signals: Signals, dictionary: Dictionary, n_steps: int, rule: Rule) -> Pursuit:
    state = _State(signals, dictionary, n_steps)
    choices, gains = [], []
    for _ in range(n_steps):
        wanted = _choose_l1(state) if rule == "l1" else _choose(state, rule)
        chosen, gain = state.take(wanted)
        choices.append(chosen)
        gains.append(gain)
    energy = signals.energy[:, None].clamp_min(torch.finfo(torch.float64).tiny)
    explained = torch.stack(gains, dim=1).cumsum(1) / energy
    return Pursuit(torch.stack(choices, dim=1), explained.clamp_max(1.0))


class _State:
    """B, the remembered steps, and the running scores of a batch of heads."""

    def __init__(self, signals: Signals, dictionary: Dictionary, n_steps: int) -> None:
        rows, self.left, self.atoms = signals.rows, signals.left, dictionary.atoms.to(signals.rows)
        n_heads, d_head, _ = rows.shape
        n_atoms = len(dictionary)
        self.products = rows @ self.atoms.T
        self.all_u = rows.new_empty(n_heads, n_steps, d_head)
        self.all_g = rows.new_empty(n_heads, n_steps, n_atoms)
        # A few heads at a time: a second array of the size of B would cost more than the sum.
        self.scores = torch.cat([part.square().sum(1) for part in self.products.split(16)])
        self.outside = self.atoms.square().sum(-1).expand(n_heads, n_atoms).clone()
        self.tolerance = 128 * torch.finfo(rows.dtype).eps
        self.energy = signals.energy.to(rows.dtype)
        self.unexplained = self.energy.clone()
        self.step = 0

    @property
    def u(self) -> Float[Tensor, "n_heads n_steps d_head"]:
        """U of the steps so far."""
        return self.all_u[:, : self.step]

    @property
    def g(self) -> Float[Tensor, "n_heads n_steps n_atoms"]:
        """G of the steps so far."""
        return self.all_g[:, : self.step]

    def residual_columns(
        self, atoms: Int[Tensor, "n_some n_candidates"], heads: slice = slice(None)
    ) -> Float[Tensor, "n_some d_head n_candidates"]:
        """b_j against the current residual, computed afresh, for some atoms of some heads."""
        columns = _columns(self.products[heads], atoms)
        return columns - self.u[heads].mT @ _columns(self.g[heads], atoms)

    def independent(self, scores: Float[Tensor, "n_heads n_atoms"]) -> Float[Tensor, "n_heads n_atoms"]:
        """Scores, with -inf for atoms that no longer point out of the span of those chosen."""
        return torch.where(self.outside > self.tolerance, scores, -torch.inf)

    def first_best(
        self, atoms: Int[Tensor, "n_some n_candidates"], scores: Float[Tensor, "n_some n_candidates"]
    ) -> Int[Tensor, " n_some"]:
        """The candidate with the best score; equal scores go to the first atom of the dictionary; -1 if none."""
        top = scores.amax(1, keepdim=True)
        tied = scores >= top - self.tolerance * top.abs()
        atom = torch.where(tied, atoms, len(self.atoms)).amin(1)
        return torch.where(torch.isfinite(top[:, 0]), atom, -1)

    def take(self, wanted: Int[Tensor, " n_heads"]) -> tuple[Tensor, Tensor]:
        """Add atoms to the span. Returns those taken (-1 where nothing is left to explain) and |u|², float64."""
        chosen = torch.where(self.unexplained > self.tolerance * self.energy, wanted, -1)
        taken, atom = chosen >= 0, chosen.clamp_min(0)[:, None]
        scale = (taken / self.outside.gather(1, atom)[:, 0].clamp_min(self.tolerance).sqrt())[:, None]
        u = self.residual_columns(atom)[:, :, 0] * scale
        gram = self.atoms[atom[:, 0]] @ self.atoms.T
        g = (gram - (_columns(self.g, atom).mT @ self.g)[:, 0]) * scale
        self._remember(u, g)
        self.outside[taken, chosen[taken]] = 0
        return chosen, u.double().square().sum(1)

    def _remember(self, u: Float[Tensor, "n_heads d_head"], g: Float[Tensor, "n_heads n_atoms"]) -> None:
        inner = u[:, None] @ self.products - (u[:, None] @ self.u.mT) @ self.g
        gain = u.square().sum(1)
        self.scores.addcmul_(g, inner[:, 0], value=-2).addcmul_(g.square(), gain[:, None])
        self.outside.addcmul_(g, g, value=-1)
        self.unexplained -= gain
        self.all_u[:, self.step], self.all_g[:, self.step] = u, g
        self.step += 1


def _columns(matrix: Float[Tensor, "n_some n_rows n_atoms"], atoms: Int[Tensor, "n_some n_candidates"]) -> Tensor:
    """Some columns of each matrix: (n_some, n_rows, n_candidates)."""
    return matrix.gather(2, atoms[:, None].expand(-1, matrix.shape[1], -1))


def _choose(state: _State, rule: Rule) -> Int[Tensor, " n_heads"]:
    """The atom with the largest l2 or forward score."""
    divisor = state.outside.clamp_min(state.tolerance) if rule == "forward" else torch.ones_like(state.outside)
    running = state.independent(state.scores / divisor)
    leading = running.topk(min(_CANDIDATES, running.shape[1]), dim=1)
    exact = state.residual_columns(leading.indices).square().sum(1) / divisor.gather(1, leading.indices)
    return state.first_best(leading.indices, torch.where(leading.values.isfinite(), exact, -torch.inf))


def _choose_l1(state: _State) -> Int[Tensor, " n_heads"]:
    """The atom with the largest l1 score Σ_i |x_i|; |x|₁ <= sqrt(n) |x|₂ (Cauchy-Schwarz) rules most atoms out."""
    assert state.left is not None
    n_samples = state.left.shape[1]
    # Running scores carry rounding; a bound must never be below the truth.
    slack = state.tolerance * state.energy[:, None]
    bounds = state.independent(((state.scores.clamp_min(0) + slack) * n_samples).sqrt())
    leading = bounds.topk(min(_CANDIDATES, bounds.shape[1]), dim=1)
    reached = _l1(state.left, state.residual_columns(leading.indices))
    reached = torch.where(leading.values.isfinite(), reached, -torch.inf).amax(1, keepdim=True)
    chosen = torch.full_like(leading.indices[:, 0], -1)
    for head, possible in enumerate(bounds.isfinite() & (bounds >= reached)):
        atoms = possible.nonzero().T
        if atoms.numel() > 0:
            columns = state.residual_columns(atoms, slice(head, head + 1))
            chosen[head] = state.first_best(atoms, _l1(state.left[head], columns))[0]
    return chosen


def _l1(left: Float[Tensor, "... n_samples d_head"], columns: Float[Tensor, "n_some d_head n_atoms"]) -> Tensor:
    """Σ_i |x_i| of some atoms, a block of atoms at a time: (n_some, n_atoms)."""
    return torch.cat([(left @ block).abs().sum(1) for block in columns.split(1024, dim=2)], dim=1)
