"""Follow what the projections write on its way into the residual stream, and the stream on its way to the unembedding.

One forward pass is watched. Every tensor that stems from a projection's output carries a mark: `written` until it is
added to something else, `clean` as long as it is a plain sum of what was written and other things, and `seen` once
anything else was done with it.
"""

import re
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel

from headpursuit.models.anatomy.hooks import site_hooks
from headpursuit.models.anatomy.probe import Probe, has_matrix, is_linear, is_norm, n_tokens, run_probe, text_modules
from headpursuit.models.anatomy.sites import HeadSite
from headpursuit.models.anatomy.watch import Watch

_SAME = frozenset(
    {"transpose", "permute", "reshape", "view", "view_as", "flatten", "unflatten", "squeeze", "unsqueeze", "expand"}
    | {"contiguous", "clone", "detach", "to", "type", "type_as", "float", "half", "bfloat16", "dropout"}
    | {"__getitem__", "chunk", "split", "unbind", "narrow", "cat", "masked_scatter"}
)
"""Functions that hand values on unchanged."""

_SUMS = frozenset({"add", "__add__", "__radd__", "add_", "__iadd__", "radd"})

_PRODUCTS = frozenset({"mul", "__mul__", "__rmul__", "mul_", "__imul__", "einsum"})


@dataclass(frozen=True)
class _Mark:
    """The sites that a tensor stems from, as far as they are known."""

    written: int = -1
    """The site whose write this is, not yet added to anything."""
    clean: int = 0
    """Sites whose writes this contains as plain summands: bit i for site i."""
    seen: int = -1
    """The last site that this depends on in any way."""


@dataclass(eq=False)
class Followed:
    """Notes on all sites."""

    written: dict[int, Tensor] = field(default_factory=dict)
    """Output of the projection, or of the norm behind it."""
    norms: dict[int, str] = field(default_factory=dict)
    """The norm behind the projection."""
    arrived: dict[int, Tensor] = field(default_factory=dict)
    """The summand that was added to the stream."""
    sums_read_by_norm: int = 0
    """Sites whose sum with the stream went into a norm."""
    sums_added_to: int = 0
    """Sites whose sum with the stream was added to again."""
    final_norm: tuple[str, int] | None = None
    """The norm between the stream and the unembedding, and which of its runs it is."""
    at_the_end: int = 0
    """Sites whose writes are plain summands of the final norm's input."""
    mlp_sees: dict[int, bool] = field(default_factory=dict)
    """True if other linear modules of the site's layer depend on the site."""
    sums_scaled: int = 0
    """Sites whose sum with the stream was multiplied, other than in a norm."""
    gated: set[int] = field(default_factory=set)


class _Follow(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.notes = Followed()
        self._marks: dict[int, _Mark] = {}
        self.inside_norm = False
        self._kept: list[Tensor] = []
        """Keeps marked tensors alive, so that no other tensor gets their identity."""

    def mark(self, tensor: Tensor, mark: _Mark) -> None:
        self._marks[id(tensor)] = mark
        self._kept.append(tensor)

    def of(self, tensor: Any) -> _Mark | None:
        return self._marks.get(id(tensor))

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        marked = [(t, m) for t in _tensors((args, kwargs)) if (m := self.of(t)) is not None]
        if marked:
            result = self._after(getattr(func, "__name__", ""), args, marked)
            for tensor in _tensors(output):
                self.mark(tensor, result)
        return output

    def _after(self, name: str, args: Any, marked: list[tuple[Tensor, _Mark]]) -> _Mark:
        seen = max(mark.seen for _, mark in marked)
        if name in _SUMS:
            return self._added(args, marked, seen)
        if name in _SAME:
            first = next((m for _, m in marked if m.written >= 0), marked[0][1])
            clean = 0
            for _, mark in marked:
                clean |= mark.clean
            return replace(first, clean=clean, seen=seen)
        if name in _PRODUCTS and not self.inside_norm:
            for _, mark in marked:
                self.notes.sums_scaled |= mark.clean
        writer = next((m for _, m in marked if m.written >= 0), None)
        # A write that is multiplied or normed is still what this site writes; its value is compared at the sum.
        return _Mark(writer.written if writer else -1, 0, seen)

    def _added(self, args: Any, marked: list[tuple[Tensor, _Mark]], seen: int) -> _Mark:
        clean = 0
        for tensor, mark in marked:
            self.notes.sums_added_to |= mark.clean
            clean |= mark.clean
            others = [t for t in _tensors(args) if t is not tensor and not isinstance(t, nn.Parameter)]
            if mark.written >= 0 and others and others[0].dim() >= 2:
                self.notes.arrived.setdefault(mark.written, tensor.detach().clone())
                clean |= 1 << mark.written
        written = max(mark.written for _, mark in marked) if not clean else -1
        return _Mark(written, clean, seen)


def follow_writes(network: PreTrainedModel, sites: tuple[HeadSite, ...], probe: Probe) -> Followed:
    """Run the probe, and note what becomes of each site's write."""
    watch, follow = Watch(n_tokens(probe)), _Follow()
    notes, names = follow.notes, text_modules(network)
    numbers = {site: number for number, site in enumerate(sites)}
    projections = {name for site in sites for name in (site.path, site.output)}
    norms: list[tuple[Tensor, int, tuple[str, int]]] = []
    runs: Counter[str] = Counter()
    unembedded: list[Tensor] = []

    def enter(site: HeadSite, mixed: Tensor) -> None:
        output = watch.seen[-1].output if watch.seen else None
        if output is None or "joint_norm" in site.flags or output.numel() != mixed.numel():
            return
        if not torch.equal(output.reshape(mixed.shape), mixed):
            notes.gated.add(numbers[site])

    def leave(site: HeadSite, output: Tensor) -> None:
        notes.written[numbers[site]] = output.detach().clone()
        follow.mark(output, _Mark(written=numbers[site], seen=numbers[site]))

    def norming(name: str) -> None:
        follow.inside_norm = True
        runs[name] += 1

    def normed(name: str, args: tuple[Any, ...], output: Any) -> None:
        follow.inside_norm = False
        mark = follow.of(args[0]) if args else None
        if mark is None or not isinstance(output, Tensor):
            return
        if mark.written >= 0:
            notes.norms[mark.written], notes.written[mark.written] = name, output.detach().clone()
            follow.mark(output, mark)
        notes.sums_read_by_norm |= mark.clean
        norms.append((output, mark.clean, (name, runs[name] - 1)))

    def linear(name: str, args: tuple[Any, ...]) -> None:
        mark = follow.of(args[0]) if args else None
        for number, site in enumerate(sites):
            if number in notes.written and _same_layer(name, site.path):
                notes.mlp_sees[number] = notes.mlp_sees.get(number, False) or (mark is not None and mark.seen >= number)

    with ExitStack() as stack:
        for module, name in names.items():
            if (is_linear(module) or has_matrix(module)) and name not in projections:
                stack.callback(module.register_forward_pre_hook(lambda _, a, n=name: linear(n, a)).remove)
            elif is_norm(module):
                stack.callback(module.register_forward_pre_hook(lambda _, __, n=name: norming(n)).remove)
                stack.callback(module.register_forward_hook(lambda _, a, out, n=name: normed(n, a, out)).remove)
        head = network.get_output_embeddings()
        if isinstance(head, nn.Module):
            stack.callback(head.register_forward_pre_hook(lambda _, a: unembedded.append(a[0])).remove)
        stack.enter_context(site_hooks(network, sites, enter, leave))
        stack.enter_context(watch)
        stack.enter_context(follow)
        run_probe(network, probe)
    before_head = [norm for norm in norms if unembedded and same_values(norm[0], unembedded[-1])]
    if norms:
        _, notes.at_the_end, notes.final_norm = (before_head or norms)[-1]
    return notes


def same_values(one: Tensor, other: Tensor) -> bool:
    """True for two tensors that are equal, wherever they are."""
    return one.shape == other.shape and torch.equal(one, other.to(one.device))


def _same_layer(name: str, path: str) -> bool:
    """True for a module of the layer that a projection is part of."""
    layer = re.match(r"(.*?\.\d+)\.", path)
    return layer is not None and name.startswith(f"{layer[1]}.")


def _tensors(values: Any) -> list[Tensor]:
    """All tensors in arguments or results."""
    if isinstance(values, Tensor):
        return [values]
    if isinstance(values, dict):
        values = list(values.values())
    return [t for value in values for t in _tensors(value)] if isinstance(values, list | tuple) else []
