"""The hook that multiplies heads, and the count of what it touched."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headpursuit.heads import Edit, Scope
from headpursuit.models.anatomy.sites import Anatomy, HeadSite, side_by_side
from headpursuit.models.compiled import plain_network, uncompiled
from headpursuit.models.generating import watched_generate
from headpursuit.models.positions import PositionTracker, RowsNow
from headpursuit.models.scopes import BY_TOKEN
from headpursuit.models.senses.positions import MediaPositions
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
    """`rescale` of all rows alike, for a network whose anatomy is known, certified or not."""
    with _placed(network, anatomy, (edit,), prompt_length) as (applied,):
        yield applied


@contextmanager
def rescale_rows(
    network: nn.Module,
    anatomy: Anatomy,
    edits: Sequence[Edit],
    prompt_length: int | None = None,
    now: RowsNow | None = None,
) -> Iterator[tuple[Applied, ...]]:
    """`rescale` of each row by its own edit, for a network whose anatomy is known.

    `now` says which rows a layer is given, where not all go through each.
    """
    with _placed(network, anatomy, edits, prompt_length, len(edits), now) as applied:
        yield applied


@contextmanager
def _placed(
    network: nn.Module,
    anatomy: Anatomy,
    edits: Sequence[Edit],
    prompt_length: int | None,
    n_rows: int | None = None,
    now: RowsNow | None = None,
) -> Iterator[tuple[Applied, ...]]:
    """Edits in place, those of each scope with a tracker of their own; `n_rows` is None for one edit of all rows.

    An encoder reads all of its source in one pass of its own, so that its heads are followed apart.
    """
    scaled: dict[tuple[Scope, bool], dict[HeadSite, _Scaled]] = {}
    applied = tuple(Applied() for _ in edits)
    for number, (edit, own) in enumerate(zip(edits, applied, strict=True)):
        for head, scale in edit.items():
            site, encodes = anatomy.site_of(head), head.kind == "encoder"
            if encodes and edit.scope != "all":
                raise ValueError(
                    f"{head} is in the encoder, which reads its whole source before anything is written, and the edit "
                    f'has the scope {edit.scope!r}; give heads of the encoder the scope "all"'
                )
            sites = scaled.setdefault((edit.scope, encodes), {})
            if site not in sites:
                sites[site] = _Scaled.nothing(site, len(edits))
            at = sites[site]
            at.factor[number, site.slice_of(head.index)] = scale
            at.applied[number] = own
            own.calls[site.name] = 0
    with ExitStack() as stack:
        if scaled:
            stack.enter_context(uncompiled())
        for (scope, encodes), at_sites in scaled.items():
            media = MediaPositions.of(network, scope) if scope in BY_TOKEN else None
            tracker = PositionTracker(scope, prompt_length, media, n_rows, now)
            stack.enter_context(watched_generate(network, tracker))
            paths = dict.fromkeys(site.path for site in at_sites)
            whole: Any = network
            part = plain_network(whole.get_encoder()) if encodes else _decoder_with(network, list(paths))
            for handle in _follow(network, part, tracker):
                stack.callback(handle.remove)
            for path in paths:
                by_run = {site.call: at for site, at in at_sites.items() if site.path == path}
                hook = _Multiply(path, by_run, tracker)
                stack.callback(network.get_submodule(path).register_forward_pre_hook(hook).remove)
        yield applied


@dataclass(eq=False)
class _Scaled:
    """A site whose heads are rescaled."""

    site: HeadSite
    factor: Float[Tensor, "n_edits width"]
    """1 outside the edited slices."""
    applied: dict[int, Applied] = field(default_factory=dict)
    """Of the edits that rescale heads here, by number."""

    @classmethod
    def nothing(cls, site: HeadSite, n_edits: int) -> "_Scaled":
        """No head is rescaled yet."""
        return cls(site, torch.ones(n_edits, site.n_heads * site.d_head))


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
    """The hook: one multiplication by factors that are 1 outside the edited slices, at the positions in scope."""

    def __init__(self, path: str, by_run: dict[int, _Scaled], tracker: PositionTracker) -> None:
        self._path, self._by_run, self._tracker = path, by_run, tracker

    def __call__(self, _: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        mixed, run = args[0], self._tracker.next_run(self._path)
        if run is None and list(self._by_run) != [0]:
            raise ValueError(f"{self._path} ran outside the decoder, where its runs cannot be told apart")
        if (run or 0) not in self._by_run:
            return None
        scaled = self._by_run[run or 0]
        values = side_by_side(mixed, scaled.site)
        chosen = self._tracker.chosen(values.shape[:-1])
        if chosen is False:
            return None
        scaled.factor = own_part(scaled.factor, values.shape[-1]).to(values)
        touched = self._tracker.touched(len(scaled.factor))
        for number, applied in scaled.applied.items():
            applied.calls[scaled.site.name] += touched[number]
        edited = values * self._tracker.spread(scaled.factor, values.shape[:-1])
        if isinstance(chosen, Tensor):
            edited = torch.where(chosen.to(values.device)[..., None], edited, values)
        return edited.reshape(mixed.shape), *args[1:]
