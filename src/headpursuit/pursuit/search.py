"""The common part of every form of the pursuit: running scores, and how the next atom is chosen from them.

A *problem* is one head with one dictionary. Problems are solved side by side and never look at each other.
Written for a problem with rows A (d_head, d_model) and atoms D:
    - b_j = A_t D_j is what atom j sees of the residual A_t; |b_j|² is its l2 score, kept up to date as `scores`.
    - q is the chosen atom's part outside the span of those chosen before, at unit length; u = A_t q; g = D q.
    - The new residual is A_t - u qᵀ, so b_j becomes b_j - g_j u, |b_j|² falls by g_j (2 u·b_j + g_j |u|²) with the new
      b_j, and the squared length of D_j outside the span, `outside`, falls by g_j².
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from headpursuit.settings import Rule

_CANDIDATES = 4
"""Number of leading atoms that are scored afresh, by the l2 and forward rules only where rounding could decide."""


class Search(ABC):
    """A batch of problems in progress."""

    left: Float[Tensor, "n_heads n_samples d_head"] | None
    """Turns b_j into the samples' inner products with atom j; only the l1 rule needs it."""
    scores: Float[Tensor, "n_problems n_atoms"]
    """|b_j|²: running, so with some rounding. -inf for atoms in the span of those chosen, which are out for good."""
    outside: Float[Tensor, "n_problems n_atoms"]
    """Squared length of each atom outside that span."""

    def __init__(self, energy: Float[Tensor, " n_problems"], dtype: torch.dtype) -> None:
        self.energy = energy
        self.unexplained = energy.clone()
        self.tolerance = 128 * torch.finfo(dtype).eps

    @abstractmethod
    def columns(
        self, problems: Int[Tensor, " n_some"] | slice, atoms: Int[Tensor, "n_some n_candidates"]
    ) -> Float[Tensor, "n_some d_head n_candidates"]:
        """b_j of some atoms of each of some problems, computed afresh."""

    @abstractmethod
    def columns_of(
        self, head: int, dictionaries: Int[Tensor, " n_some"], atoms: Int[Tensor, " n_some"]
    ) -> Float[Tensor, "d_head n_some"]:
        """b_j of atoms of one head's problems, computed afresh."""

    @abstractmethod
    def add(
        self, atom: Int[Tensor, " n_problems"], taken: Bool[Tensor, " n_problems"], last: bool
    ) -> Float[Tensor, "n_problems d_head"]:
        """Add an atom to the span of each problem that takes one; update the scores unless it is the last; u."""

    def take(self, wanted: Int[Tensor, " n_problems"], last: bool) -> tuple[Tensor, Tensor]:
        """Add atoms. Returns those taken (-1 where nothing is left to explain) and |u|², float64."""
        chosen = torch.where(self.unexplained > self.tolerance * self.energy, wanted, -1)
        taken = chosen >= 0
        gain = self.add(chosen.clamp_min(0), taken, last).double().square().sum(1)
        self.unexplained -= gain
        # Where nothing was taken nothing ever will be, so it does not matter that an atom is struck off there too.
        self.scores.scatter_(1, chosen.clamp_min(0)[:, None], -torch.inf)
        return chosen, gain

    def lower(
        self,
        which: slice,
        g: Float[Tensor, "n_problems n_some"],
        inner: Float[Tensor, "n_problems n_some"],
        gain: Float[Tensor, "n_problems 1"],
    ) -> None:
        """Update the scores of some atoms from g_j, the new u·b_j (which is overwritten) and |u|²."""
        outside, scores = self.outside[:, which], self.scores[:, which]
        outside.addcmul_(g, g, value=-1)
        scores.sub_(inner.mul_(2).addcmul_(g, gain).mul_(g)).masked_fill_(outside <= self.tolerance, -torch.inf)

    def first_best(
        self, atoms: Int[Tensor, "n_some n_candidates"], scores: Float[Tensor, "n_some n_candidates"]
    ) -> Int[Tensor, " n_some"]:
        """The candidate with the best score; equal scores go to the first atom of the dictionary; -1 if none."""
        top = scores.amax(1, keepdim=True)
        tied = scores >= top - self.tolerance * top.abs()
        atom = torch.where(tied, atoms, self.scores.shape[1]).amin(1)
        return torch.where(torch.isfinite(top[:, 0]), atom, -1)


def choose(search: Search, rule: Rule) -> Int[Tensor, " n_problems"]:
    """The next atom of every problem; -1 where no atom is left."""
    return _choose_l1(search) if rule == "l1" else _choose_l2(search, rule)


def _choose_l2(search: Search, rule: Rule) -> Int[Tensor, " n_problems"]:
    """The atom with the largest l2 or forward score; where rounding could decide, leading atoms are scored afresh."""
    running, slack = search.scores, search.tolerance * search.energy[:, None].to(search.scores)
    if rule == "forward":
        outside = search.outside.clamp_min(search.tolerance)
        running, slack = running / outside, slack / outside
    top, first = running.max(1, keepdim=True)
    chosen = torch.where(top.isfinite(), first, -1)[:, 0]
    least = top - slack.expand_as(running).gather(1, first)  # the best score is not below this
    possible = running >= least - slack
    some = ((possible.sum(1) > 1) & (chosen >= 0)).nonzero()[:, 0]
    leading = running[some].topk(min(_CANDIDATES, running.shape[1]), dim=1)
    exact = search.columns(some, leading.indices).square().sum(1)
    if rule == "forward":
        exact = exact / outside[some].gather(1, leading.indices)
    chosen[some] = search.first_best(leading.indices, torch.where(leading.values.isfinite(), exact, -torch.inf))
    return chosen


def _choose_l1(search: Search) -> Int[Tensor, " n_problems"]:
    """The atom with the largest l1 score Σ_i |x_i|; |x|₁ <= sqrt(n) |x|₂ (Cauchy-Schwarz) rules most atoms out."""
    assert search.left is not None
    n_heads, n_samples, _ = search.left.shape
    # Running scores carry rounding; a bound must never be below the truth.
    slack = search.tolerance * search.energy[:, None].to(search.scores)
    bounds = ((search.scores.clamp_min(0) + slack) * n_samples).sqrt()
    bounds.masked_fill_(search.scores == -torch.inf, -torch.inf)
    leading = bounds.topk(min(_CANDIDATES, bounds.shape[1]), dim=1)
    columns = search.columns(slice(None), leading.indices).unflatten(0, (-1, n_heads))
    reached = torch.stack([_l1(search.left, part) for part in columns]).flatten(0, 1)
    reached = torch.where(leading.values.isfinite(), reached, -torch.inf).amax(1, keepdim=True)
    possible = (bounds.isfinite() & (bounds >= reached)).unflatten(0, (-1, n_heads))
    exact = torch.full_like(bounds, -torch.inf).unflatten(0, (-1, n_heads))
    for head in range(n_heads):
        dictionaries, atoms = possible[:, head].nonzero().T
        columns = search.columns_of(head, dictionaries, atoms)
        exact[dictionaries, head, atoms] = _l1(search.left[head], columns)
    exact = exact.flatten(0, 1)
    return search.first_best(torch.arange(exact.shape[1], device=exact.device).expand_as(exact), exact)


def _l1(left: Float[Tensor, "... n_samples d_head"], columns: Float[Tensor, "... d_head n_atoms"]) -> Tensor:
    """Σ_i |x_i| of some atoms, a block of atoms at a time."""
    return torch.cat([(left @ block).abs_().sum(-2) for block in columns.split(1024, dim=-1)], dim=-1)
