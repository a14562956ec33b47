"""Poison heads at the attention, and see which columns of which linear modules' inputs they reach.

1. The attention outputs of all heads are made NaN in one short forward pass. The linear modules whose input is NaN then
   are the output projections; they are handed zeros instead, so that the poison ends there.
2. The same with half of the heads at a time, by the bits of the head's number and their complements. Columns of a
   projection's input that answer alike belong to one head.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from headpursuit.models.anatomy.probe import (
    Probe,
    encoder_modules,
    is_linear,
    is_norm,
    n_tokens,
    run_probe,
    text_modules,
)
from headpursuit.models.anatomy.watch import Attended, Poisoned, Watch


@dataclass(eq=False)
class Reached:
    """A linear module that attention outputs reached."""

    path: str
    call: int
    attended: Attended
    """The attention before it."""
    columns: Tensor
    """Columns of its input that were NaN."""
    normed: Tensor | None = None
    """Columns that were NaN in front of a norm between attention and projection."""
    groups: int = 1
    """Into how many inputs the columns are divided."""


@dataclass(eq=False)
class _Run:
    """Linear modules reached in one forward pass, and those that ran."""

    reached: dict[tuple[str, int], Reached] = field(default_factory=dict)
    following: dict[tuple[str, int], str] = field(default_factory=dict)
    """The linear module that ran next."""
    calls: Counter[str] = field(default_factory=Counter)
    normed: Tensor | None = None
    last: tuple[str, int] | None = None


@dataclass(frozen=True, eq=False)
class Poisonings:
    """Modules reached when all heads were poisoned, and when half of them were, in every way that tells two apart."""

    everything: _Run
    halves: tuple[_Run, ...]

    @property
    def reached(self) -> list[Reached]:
        """The linear modules that attention outputs reach, in order."""
        return list(self.everything.reached.values())

    def n_runs(self, path: str) -> int:
        """Runs of a linear module in a forward pass."""
        return self.everything.calls[path]

    def width(self, path: str, call: int) -> int:
        """Number of a projection's inputs that attention outputs can reach; 0 if those seen do not reach it."""
        reached = self.everything.reached.get((path, call))
        return 0 if reached is None else len(reached.columns)

    def n_slices(self, path: str, call: int) -> tuple[int, bool]:
        """Into how many slices a projection's input falls, each of one head; and whether a norm over all follows.

        0 if it is not reached, or does not fall into slices.
        """
        reached = self.everything.reached.get((path, call))
        if reached is None:
            return 0, False
        answers = [run.reached.get((path, call)) for run in self.halves]
        n_slices = count_slices(reached.columns, [None if r is None else r.columns for r in answers])
        if n_slices > 1 or reached.attended.n_heads == 1:
            return n_slices, False
        if reached.normed is None or len(reached.normed) != len(reached.columns):
            return 0, False
        before = count_slices(reached.normed, [None if r is None else r.normed for r in answers])
        return before if before > 1 else 0, True

    def following(self, path: str, call: int) -> str:
        """The linear module that runs right after one."""
        return self.everything.following.get((path, call), "")


def poison_all(network: PreTrainedModel, probe: Probe, projections: Iterable[str] = ()) -> Poisonings:
    """Poison all heads, then half of them by every bit of their number and its complement.

    Args:
        network: The model, in eval mode.
        probe: Inputs of a short forward pass of one prompt.
        projections: Modules that are looked at beside those of the text decoder, and of an encoder-decoder's encoder,
            that are linear.
    """
    named = {network.get_submodule(path): path for path in projections}
    names = encoder_modules(network) | text_modules(network) | named
    everything = _poison(network, probe, names, named, lambda _: True)
    n_bits = max(((r.attended.n_heads - 1).bit_length() for r in everything.reached.values()), default=0)
    chosen = (partial(_has_bit, bit, value) for bit in range(n_bits) for value in (0, 1))
    return Poisonings(everything, tuple(_poison(network, probe, names, named, half) for half in chosen))


def _has_bit(bit: int, value: int, head: int) -> bool:
    return (head >> bit) & 1 == value


@torch.no_grad()
def _poison(
    network: PreTrainedModel,
    probe: Probe,
    names: dict[nn.Module, str],
    named: Collection[nn.Module],
    poisoned: Poisoned,
) -> _Run:
    """Make some heads of every attention NaN, and see which linear modules are reached."""
    run, watch = _Run(), Watch(n_tokens(probe), poisoned)

    def at_norm(args: tuple[Any, ...]) -> None:
        if args and isinstance(args[0], Tensor):
            columns = _nan_columns(args[0])
            run.normed = columns if columns.any() else run.normed

    def at_linear(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not args or not isinstance(args[0], Tensor) or not args[0].is_floating_point():
            return None
        key = _count(run, names[module]) if module in names else None
        if not args[0].isnan().any():
            return None
        columns = _nan_columns(args[0])
        if key is not None and watch.seen:
            groups = len(columns) // args[0].shape[-1]
            run.reached[key] = Reached(*key, watch.seen[-1], columns, run.normed, groups)
        run.normed = None
        return args[0].nan_to_num(0.0), *args[1:]

    with ExitStack() as stack:
        for module in network.modules():
            if is_linear(module) or module in named:
                stack.callback(module.register_forward_pre_hook(at_linear).remove)
            elif is_norm(module):
                stack.callback(module.register_forward_pre_hook(lambda _, args: at_norm(args)).remove)
        with watch:
            run_probe(network, probe)
    return run


def _count(run: _Run, path: str) -> tuple[str, int]:
    key = path, run.calls[path]
    run.calls[path] += 1
    if run.last is not None:
        run.following[run.last] = path
    run.last = key
    return key


def _nan_columns(values: Tensor) -> Tensor:
    """True for features that are NaN at some token."""
    rows = values.flatten(0, 1).flatten(1) if values.dim() > 2 else values
    return rows.isnan().any(0).cpu()


def count_slices(everything: Tensor, answers: list[Tensor | None]) -> int:
    """Into how many equal slices columns fall that answer alike to every poisoning; 0 if they do not."""
    if not everything.all():
        return 0
    code = torch.zeros(len(everything), dtype=torch.int64)
    for answer in answers:
        code = 2 * code + (0 if answer is None else answer.long())
    changes = (code[1:] != code[:-1]).nonzero()[:, 0] + 1
    starts = torch.cat([changes.new_zeros(1), changes]).tolist()
    n_slices = len(starts)
    width = len(code) // n_slices
    equal = len(code) == n_slices * width and starts == [i * width for i in range(n_slices)]
    return n_slices if equal and len(code.unique()) == n_slices else 0
