"""Simultaneous orthogonal matching pursuit (SOMP) below the output projection.

The problem, per head: which few atoms D_j of a dictionary explain all rows of H at once? The plain algorithm
(Tropp, Gilbert and Strauss 2006; Algorithm 1 of arXiv 2510.21518) starts from R = H and repeats
    1. choose the atom with the largest score against the residual R,
    2. R = H - projection of H onto the span of all chosen atoms.
The same atoms come out of d_head rows with the same inner products (see `signals`), at a cost that does not depend on
the number of samples. `search` says how scores follow from step to step; `tiled` does it for one large dictionary,
`stacked` for many small ones. One sample and one step is the logit lens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headpursuit.pursuit.dictionaries import Dictionary, Stack
from headpursuit.pursuit.search import Rule, Search, choose
from headpursuit.pursuit.signals import Signals
from headpursuit.pursuit.stacked import Stacked
from headpursuit.pursuit.tiled import Tiled

_SMALL = 1024
"""Up to this many atoms a dictionary is solved with all its inner products at hand."""

PURSUIT_BYTES = 2**30
"""Memory that a pursuit takes beside signals and dictionary."""

_STACK_BYTES = {"cpu": 2**25, "cuda": 2**30}
"""Bytes of many small dictionaries that are solved at once: on a CPU, more would only fetch fresh memory."""


@dataclass(frozen=True, eq=False)
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
    memory_bytes: int = PURSUIT_BYTES,
    tile: int | None = None,
) -> Pursuit:
    """Explain each head's signals by few atoms, all samples at once.

    Every head is solved on its own; heads are batched for speed. Of atoms with equal scores the first one is chosen (of
    the four leading ones, should more than four different atoms tie).
    Atoms that lie in the span of those chosen before are never chosen.

    Args:
        signals: The heads' signals.
        dictionary: The atoms.
        n_steps: How many atoms to choose, T in the paper.
        rule: How an atom is scored against the residual R. `l1`: Σ_i |R_i·D_j|, Tropp's and the paper's, needs signals
            made from samples. `l2`: Σ_i (R_i·D_j)². `forward`: the l2 score divided by the atom's squared
            length outside the span, which chooses what explains most (orthogonal least squares).
        memory_bytes: How many bytes to take beside signals and dictionary; heads are split into batches to stay below.
        tile: Atoms scored at once; changes speed only.

    Returns:
        Chosen atoms and explained fraction per head and step.

    Raises:
        ValueError: Unknown rule, l1 without samples, no steps, an empty dictionary, sizes that do not match, or signals
            that are infinite or undefined.

    Source: arXiv 2510.21518, Algorithm 1 and section 3; Tropp, Gilbert and Strauss (2006), Algorithm 3.1.
    """
    _check(signals, dictionary, n_steps, rule)
    if len(dictionary) <= _SMALL and tile is None:
        return pursue_each(signals, [dictionary], n_steps, rule=rule, memory_bytes=memory_bytes)[0]
    signals = signals.to(dictionary.vectors.device).levelled()
    size = max(1, memory_bytes // Tiled.bytes_per_head(signals, len(dictionary), n_steps))
    parts = [_solve(Tiled(batch, dictionary, n_steps, tile), n_steps, rule) for batch in signals.split(size)]
    return Pursuit(torch.cat([p.atoms for p in parts]), torch.cat([p.explained for p in parts]))


def pursue_each(
    signals: Signals,
    dictionaries: Sequence[Dictionary] | Stack,
    n_steps: int,
    *,
    rule: Rule = "l2",
    memory_bytes: int = PURSUIT_BYTES,
) -> list[Pursuit]:
    """`pursue` with each of several dictionaries; small ones of one size are solved together, which is far faster.

    A `Stack` of them saves work where many signals meet the same dictionaries.
    """
    stack = dictionaries if isinstance(dictionaries, Stack) else Stack(tuple(dictionaries), signals.rows)
    signals, dictionaries = signals.to(stack.like.device).levelled(), stack.dictionaries
    for dictionary in dictionaries:
        _check(signals, dictionary, n_steps, rule)
    n_atoms = {len(dictionary) for dictionary in dictionaries}
    if len(n_atoms) != 1 or max(n_atoms) > _SMALL:
        return [pursue(signals, d, n_steps, rule=rule, memory_bytes=memory_bytes) for d in dictionaries]
    room = min(memory_bytes, _STACK_BYTES.get(signals.rows.device.type, _STACK_BYTES["cpu"]))
    per_head = Stacked.bytes_per_head(signals, len(dictionaries), max(n_atoms), n_steps)
    parts = []
    for batch in signals.split(max(1, room // per_head)):
        found = _solve(Stacked(batch, stack, n_steps), n_steps, rule)
        shape = (len(dictionaries), len(batch.rows), n_steps)
        parts.append((found.atoms.view(shape), found.explained.view(shape)))
    atoms, explained = (torch.cat(tensors, dim=1) for tensors in zip(*parts, strict=True))
    return [Pursuit(*one) for one in zip(atoms, explained, strict=True)]


def _check(signals: Signals, dictionary: Dictionary, n_steps: int, rule: Rule) -> None:
    if rule not in get_args(Rule):
        raise ValueError(f"unknown rule {rule!r}; choose one of {', '.join(get_args(Rule))}")
    if rule == "l1" and signals.left is None:
        raise ValueError("the l1 rule sums over samples, but only moments were given; capture with samples or use l2")
    if n_steps < 1:
        raise ValueError(f"n_steps is {n_steps}; a pursuit chooses at least one atom")
    if len(dictionary) == 0:
        raise ValueError("the dictionary has no atoms")
    if signals.rows.shape[-1] != dictionary.vectors.shape[-1]:
        raise ValueError(
            f"signals have d_model {signals.rows.shape[-1]}, the dictionary has {dictionary.vectors.shape[-1]}; "
            "they must come from one model"
        )


def _solve(search: Search, n_steps: int, rule: Rule) -> Pursuit:
    """One batch of problems: (n_problems, n_steps)."""
    choices, gains = [], []
    for step in range(n_steps):
        chosen, gain = search.take(choose(search, rule), last=step == n_steps - 1)
        choices.append(chosen)
        gains.append(gain)
    explained = torch.stack(gains, dim=1).cumsum(1) / search.energy[:, None].clamp_min(torch.finfo(torch.float64).tiny)
    return Pursuit(torch.stack(choices, dim=1), explained.clamp_max(1.0))
