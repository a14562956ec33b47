"""The hook that multiplies heads, and the count of what it touched."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from headpursuit.heads import Edit
from headpursuit.models.anatomy.sites import Anatomy, HeadSite, side_by_side
from headpursuit.models.compiled import plain_network, uncompiled
from headpursuit.models.generating import watched_generate
from headpursuit.models.image_positions import ImagePositions
from headpursuit.models.positions import PositionTracker
from headpursuit.models.sharding import own_part


@dataclass
class Applied:
    """Proof of what an edit touched."""

    calls: Counter[str] = field(default_factory=Counter)
    """By edited site (`L12`), in how many forward passes it was edited; with a scope, only those with a position in
    scope count."""

    @property
    def n_forwards(self) -> int:
        """Forward passes that were edited; with scope "all" the prompt's, and one for each further token."""
        return min(self.calls.values(), default=0)


@contextmanager
def rescale_sites(
    network: nn.Module, anatomy: Anatomy, edit: Edit, prompt_length: int | None = None
) -> Iterator[Applied]:
    """`rescale` for a network whose anatomy is known, certified or not."""
    factors: dict[HeadSite, Tensor] = {}
    for head, scale in edit.items():
        site = anatomy.site_of(head)
        factor = factors.setdefault(site, torch.ones(site.n_heads * site.d_head))
        factor[site.slice_of(head.index)] = scale
    applied = Applied(Counter(dict.fromkeys((site.name for site in factors), 0)))
    if not factors:
        yield applied
        return
    images = ImagePositions.of(network) if edit.scope in ("image", "text") else None
    tracker = PositionTracker(edit.scope, prompt_length, images)
    paths = dict.fromkeys(site.path for site in factors)
    with ExitStack() as stack:
        stack.enter_context(uncompiled())
        stack.enter_context(watched_generate(network, tracker))
        for handle in _follow(network, _decoder_with(network, list(paths)), tracker):
            stack.callback(handle.remove)
        for path in paths:
            by_run = {site.call: (site, factor) for site, factor in factors.items() if site.path == path}
            hook = _Multiply(path, by_run, tracker, applied)
            stack.callback(network.get_submodule(path).register_forward_pre_hook(hook).remove)
        yield applied


def _decoder_with(network: Any, paths: list[str]) -> nn.Module:
    """The part whose forward pass takes the tokens' positions and runs all these projections."""
    projections = [network.get_submodule(path) for path in paths]
    for part in (network.get_decoder(), network.base_model):
        inside = set(part.modules())
        if all(module in inside for module in projections):
            return plain_network(part)
    return network


def _follow(network: nn.Module, decoder: nn.Module, tracker: PositionTracker) -> Iterator[Any]:
    """Place the hooks by which a tracker follows the network."""
    if tracker.scope not in ("all", "prompt", "generated"):  # the others need what the decoder may not get
        yield network.register_forward_pre_hook(tracker.enter_network, with_kwargs=True)
        yield network.register_forward_hook(tracker.leave_network, always_call=True)
    yield decoder.register_forward_pre_hook(tracker.enter_decoder, with_kwargs=True)
    yield decoder.register_forward_hook(tracker.leave_decoder, always_call=True)


class _Multiply:
    """The hook: one multiplication by a vector that is 1 outside the edited slices, at the positions in scope."""

    def __init__(
        self, path: str, by_run: dict[int, tuple[HeadSite, Tensor]], tracker: PositionTracker, applied: Applied
    ) -> None:
        self._path, self._by_run, self._tracker, self._applied = path, by_run, tracker, applied

    def __call__(self, _: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        mixed, run = args[0], self._tracker.next_run(self._path)
        if run is None and list(self._by_run) != [0]:
            raise ValueError(f"{self._path} ran outside the decoder, where its runs cannot be told apart")
        if (run or 0) not in self._by_run:
            return None
        site, factor = self._by_run[run or 0]
        values = side_by_side(mixed, site)
        chosen = self._tracker.chosen(values.shape[:-1])
        if chosen is False:
            return None
        factor = own_part(factor, values.shape[-1]).to(values)
        self._by_run[run or 0] = site, factor
        self._applied.calls[site.name] += 1
        edited = values * factor
        if isinstance(chosen, Tensor):
            edited = torch.where(chosen.to(values.device)[..., None], edited, values)
        return edited.reshape(mixed.shape), *args[1:]
