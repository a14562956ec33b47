"""Where every head's mixed values are: the slices of the attention output projections' inputs.

Names are not trusted. A short forward pass is watched: attention produces an output with a visible head count (scaled
dot product attention, or a softmax over token pairs), and the next linear module that takes all heads side by side is
the layer's output projection. `certificate` then proves the result numerically.
"""

import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from headpursuit.heads import Head, Kind, site_name
from headpursuit.models.sharding import n_shards

_PROBE_LENGTH = 7
"""Tokens in the probe: a number that is no usual head count or width."""


class AnatomyError(Exception):
    """The heads of a model cannot be found, or cannot be proven to be heads."""


@dataclass(frozen=True)
class HeadSite:
    """One layer's heads: where its output projection is and how its input is divided."""

    layer: int
    """Number of the decoder layer, from zero."""
    path: str
    """Name of the output projection within the network, for `get_submodule`."""
    n_heads: int
    d_head: int
    """Width of one head's slice; differs from d_model / n_heads in many families."""
    kind: Kind = "self"
    call: int = 0
    """Which run of the projection within a forward pass, from zero, where a layer is run several times."""

    @property
    def name(self) -> str:
        """How its heads are called together, such as `L12`."""
        return site_name(self.layer, self.kind)

    @property
    def heads(self) -> tuple[Head, ...]:
        """Its heads."""
        return tuple(Head(self.layer, index, self.kind) for index in range(self.n_heads))

    def slice_of(self, index: int) -> slice:
        """The head's slice of the projection's input."""
        return slice(index * self.d_head, (index + 1) * self.d_head)


@dataclass(frozen=True)
class Anatomy:
    """Every head of a model."""

    sites: tuple[HeadSite, ...]
    """One entry per attention layer, in order of layers."""

    @property
    def heads(self) -> tuple[Head, ...]:
        """All heads, layer by layer."""
        return tuple(head for site in self.sites for head in site.heads)

    @property
    def n_heads(self) -> int:
        """Number of heads in the whole model."""
        return sum(site.n_heads for site in self.sites)

    def site_of(self, head: Head) -> HeadSite:
        """The site that holds a head.

        Raises:
            ValueError: If the model has no such head; the text says which there are.
        """
        for site in self.sites:
            if site.name == head.site and 0 <= head.index < site.n_heads:
                return site
        raise ValueError(f"{head} does not exist: the model has {self.summary()}")

    def summary(self) -> str:
        """Layers and heads in words, like `270 heads: layers 0-29 with 9 heads of width 64`."""
        groups: list[list[HeadSite]] = []
        for site in self.sites:
            if groups and (groups[-1][0].n_heads, groups[-1][0].d_head) == (site.n_heads, site.d_head):
                groups[-1].append(site)
            else:
                groups.append([site])
        parts = [f"layers {g[0].layer}-{g[-1].layer} with {g[0].n_heads} heads of width {g[0].d_head}" for g in groups]
        return f"{self.n_heads} heads: " + ", ".join(parts)


@dataclass
class Attended:
    """An attention output seen during the probe."""

    n_heads: int
    d_head: int | None
    """Not visible where only the attention probabilities were seen."""


class Watch(TorchFunctionMode):
    """Sees attention outputs during a forward pass, in order, and can double one head of one of them."""

    def __init__(self, double: dict[int, int] | None = None) -> None:
        super().__init__()
        self.seen: list[Attended] = []
        self._double = double or {}
        """Number of the attention output -> head to double."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: D102
        output = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name == "scaled_dot_product_attention" and output.dim() == 4:
            return self._see(output, 1, output.shape[-1])
        if name == "softmax" and output.dim() in (3, 4) and output.shape[-2:] == (_PROBE_LENGTH,) * 2:
            # Doubling a head's probabilities doubles its output, so they serve as well as the output.
            return self._see(output, output.dim() - 3, None)
        return output

    def _see(self, output: Tensor, head_axis: int, d_head: int | None) -> Tensor:
        number = len(self.seen)
        self.seen.append(Attended(output.shape[head_axis], d_head))
        head = self._double.get(number)
        if head is None:
            return output
        doubled = output.clone()
        doubled.select(head_axis, head).mul_(2)
        return doubled


def probe_input(network: PreTrainedModel) -> dict[str, Tensor]:
    """A short harmless input: a few ordinary token ids."""
    embedding: Any = network.get_input_embeddings()
    vocab = embedding.weight.shape[0]
    ids = torch.arange(_PROBE_LENGTH, device=input_device(network))[None] + vocab // 2
    return {"input_ids": ids % vocab, "attention_mask": torch.ones_like(ids)}


def input_device(network: PreTrainedModel) -> torch.device:
    """Where inputs go, also where accelerate keeps the weights elsewhere until they are needed."""
    hook = getattr(network.get_input_embeddings(), "_hf_hook", None)
    device = getattr(hook, "execution_device", None)
    return network.device if device is None else torch.device(device)


def is_linear(module: nn.Module) -> bool:
    """Whether a module is a linear layer in one of its many guises."""
    return isinstance(module, nn.Linear | Conv1D) or "Linear" in type(module).__name__


@torch.no_grad()
def locate(network: PreTrainedModel) -> Anatomy:
    """Find every attention layer's output projection by watching one forward pass of a few tokens.

    Raises:
        AnatomyError: If no attention output or no matching projection was seen, or a projection ran more than once.
    """
    events = _watch_forward(network)
    paths: dict[str, tuple[int, int]] = {}
    pending: Attended | None = None
    for event in events:
        if isinstance(event, Attended):
            pending = event
        elif pending is not None and _takes_all_heads(event[1], pending):
            path, width = event
            if path in paths:
                raise AnatomyError(f"the projection {path} runs more than once in a forward pass")
            shards = n_shards(network) if _is_split(network.get_submodule(path), width) else 1
            paths[path] = pending.n_heads * shards, width // pending.n_heads
            pending = None
    if not paths:
        raise AnatomyError(
            f"no attention heads were seen in a forward pass of {type(network).__name__}: no softmax attention "
            "followed by a linear output projection (attention implementation "
            f"{network.config._attn_implementation!r}; only eager and sdpa can be watched)"
        )
    sites = [
        HeadSite(layer, path, n_heads, d_head)
        for (path, (n_heads, d_head)), layer in zip(paths.items(), _layer_numbers(list(paths)), strict=True)
    ]
    return Anatomy(tuple(sorted(sites, key=lambda site: site.layer)))


def _watch_forward(network: PreTrainedModel) -> list[Attended | tuple[str, int]]:
    """Attention outputs and calls of the decoder's linear modules (path, input width), as they happened."""
    decoder = network.get_decoder()
    events: list[Attended | tuple[str, int]] = []
    watch = Watch()

    def record(path: str, args: tuple[Any, ...]) -> None:
        events.extend(watch.seen[sum(isinstance(e, Attended) for e in events) :])
        if args and isinstance(args[0], Tensor):
            events.append((path, args[0].shape[-1]))

    with ExitStack() as stack:
        inside = set(decoder.modules())
        for path, module in network.named_modules():
            if module in inside and is_linear(module):
                hook = module.register_forward_pre_hook(lambda _, args, path=path: record(path, args))
                stack.callback(hook.remove)
        with watch:
            network(**probe_input(network), use_cache=False)
    return events


def _takes_all_heads(width: int, seen: Attended) -> bool:
    if seen.d_head is None:
        return width % seen.n_heads == 0
    return width == seen.n_heads * seen.d_head


def _is_split(module: nn.Module, width: int) -> bool:
    """Whether a projection takes in more heads than this process holds."""
    return getattr(module, "in_features", width) != width


def _layer_numbers(paths: list[str]) -> list[int]:
    """The number in each path that counts layers; their order where no number tells them apart."""
    numbers = [[int(n) for n in re.findall(r"(?<=\.)\d+(?=\.)", path)] for path in paths]
    first = [n[0] if n else -1 for n in numbers]
    return first if len(set(first)) == len(first) and -1 not in first else list(range(len(paths)))


def projection(network: nn.Module, site: HeadSite) -> nn.Module:
    """The output projection of a site."""
    return network.get_submodule(site.path)
