"""Rows of a batch that are still alike are computed once, layer by layer, while `generate` runs.

Rows of one prompt under several edits give the same until the first layer that they edit differently, and again at
every new token until their answers differ. Each layer is given one row of each kind, and what it gives is handed to all
of them; the cache of a layer holds one row of each kind, too. A row whose answer is over is computed no more. The rest
is the model's own code.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import Cache

from headpursuit.heads import Edit, Scope
from headpursuit.models.anatomy import AnatomyError
from headpursuit.models.anatomy.sites import TOLERANCE
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.layers import Layers, layers_of
from headpursuit.models.positions import RowsNow
from headpursuit.models.scaling import Applied, rescale_rows
from headpursuit.models.senses.positions import numbers_positions
from headpursuit.models.sharding import is_sharded

_POSITIONS = 3
"""Kinds of positions in a picture."""


@dataclass(frozen=True)
class _Kinds:
    """The kinds of rows that a module tells apart in one forward pass."""

    first: tuple[int, ...]
    """Of each kind the first row."""
    of: tuple[int, ...]
    """Of each row its kind; one whose answer is over counts as the first kind."""

    @property
    def all_differ(self) -> bool:
        """True if each row is a kind of its own."""
        return len(self.first) == len(self.of)


@dataclass(eq=False)
class AlikeRows:
    """The rows of a batch that are alike, in every pass of one `generate`."""

    layers: Layers
    edits: Sequence[Edit]
    """Of each row."""
    prompts: Sequence[int]
    """Of each row the number of its prompt; equal ones are the same prompt."""
    ends: frozenset[int] = frozenset()
    """Tokens that end an answer."""
    n_heads: frozenset[int] = frozenset()
    """Numbers of heads that layers have."""
    now: RowsNow = field(default_factory=RowsNow)
    """The rows that the layer which runs now is given."""
    _read: list[int] = field(default_factory=list)
    """Of each row a number for all it has read; equal ones read the same."""
    _known: dict[int, _Kinds] = field(default_factory=dict)
    """In this pass, by the kinds of edits."""
    _cached: dict[int, _Kinds] = field(default_factory=dict)
    """By layer the rows in its cache."""

    def __post_init__(self) -> None:
        """Rows whose edits are equal up to a layer are of one kind there."""
        numbers: dict[tuple[tuple[Any, ...], ...], int] = {}
        self._edit_kinds: dict[int, tuple[int, ...]] = {}
        self._number_of: list[int] = []
        for layer in range(len(self.layers.modules)):
            parts = tuple(self._up_to(layer, edit) for edit in self.edits)
            number = numbers.setdefault(parts, len(numbers))
            self._number_of.append(number)
            found: dict[tuple[Any, ...], int] = {}
            self._edit_kinds[number] = tuple(found.setdefault(part, len(found)) for part in parts)

    def _up_to(self, layer: int, edit: Edit) -> tuple[Scope | None, tuple[tuple[Any, float], ...]]:
        """The part of an edit that acts in a layer or below it."""
        part = tuple((head, scale) for head, scale in edit.items() if self.layers.number_of[head.site] <= layer)
        return (edit.scope if part else None), part

    def begin(self, ids: list[list[int]]) -> None:
        """A forward pass over some tokens of every row begins."""
        if not self._read:
            self._read, self.now.over = list(self.prompts), [False] * len(ids)
        else:
            self.now.over = [over or row[-1] in self.ends for over, row in zip(self.now.over, ids, strict=True)]
        numbers: dict[tuple[int, tuple[int, ...]], int] = {}
        texts = zip(self._read, map(tuple, ids), strict=True)
        self._read = [numbers.setdefault(text, len(numbers)) for text in texts]
        # Where there are as many rows as tokens or heads, what belongs to which cannot be told.
        n_rows = len(ids)
        every, others = tuple(range(n_rows)), {len(ids[0]), _POSITIONS, *self.n_heads}
        self._known = dict.fromkeys(self._edit_kinds, _Kinds(every, every)) if n_rows in others else {}

    def kinds(self, layer: int) -> _Kinds:
        """The kinds of rows at a layer."""
        number = self._number_of[layer]
        if number not in self._known:
            numbers: dict[tuple[int, int], int] = {}
            first: list[int] = []
            of = [0] * len(self._read)
            for row, kind in enumerate(zip(self._read, self._edit_kinds[number], strict=True)):
                if self.now.over[row]:
                    continue
                if kind not in numbers:
                    numbers[kind] = len(first)
                    first.append(row)
                of[row] = numbers[kind]
            self._known[number] = _Kinds(tuple(first or [0]), tuple(of))
        return self._known[number]

    def enter(self, layer: int, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Forward pre-hook of a layer: it is given one row of each kind."""
        del module
        kinds = self.kinds(layer)
        for value in (*args, *kwargs.values()):
            if isinstance(value, Cache):
                self._keep_in(value, layer, kinds)
        if kinds.all_differ:
            return None
        self.now.rows = kinds.first
        return _taken((args, kwargs), kinds.first, len(kinds.of))

    def leave(self, layer: int, module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        """Forward hook of a layer: what it gives is handed to all rows."""
        del module, args
        self.now.rows, kinds = None, self.kinds(layer)
        return None if kinds.all_differ else _taken(output, kinds.of, len(kinds.first), positions=False)

    def _keep_in(self, cache: Cache, layer: int, kinds: _Kinds) -> None:
        """Have one row of each kind in a layer's cache: that of its first row until now."""
        was, self._cached[layer] = self._cached.get(layer), kinds
        if was is None or layer >= len(cache.layers):
            return
        wanted = [was.of[row] for row in kinds.first]
        if wanted != list(range(len(was.first))):
            kept: Any = cache.layers[layer]
            kept.reorder_cache(torch.tensor(wanted))


def _taken(value: Any, rows: Sequence[int], n_rows: int, *, positions: bool = True) -> Any:
    """Some rows of everything that has so many; rotary positions of pictures may be among it."""
    if isinstance(value, Tensor):
        axis = _axis_of_rows(tuple(value.shape), n_rows, positions=positions)
        return value if axis is None else value.index_select(axis, torch.tensor(rows, device=value.device))
    if isinstance(value, Mapping):
        return {name: _taken(each, rows, n_rows, positions=positions) for name, each in value.items()}
    if type(value) in (tuple, list):
        return tuple(_taken(each, rows, n_rows, positions=positions) for each in value)
    return value


def _axis_of_rows(shape: tuple[int, ...], n_rows: int, *, positions: bool) -> int | None:
    """The axis that has a place for each row; None where all rows share one.

    Rotary positions of pictures (time, height, width) have three axes before it.
    """
    if positions and len(shape) > 2 and shape[:2] == (_POSITIONS, n_rows):
        return 1
    return 0 if len(shape) > 1 and shape[0] == n_rows else None


@contextmanager
def rescale_alike(
    model: LanguageModel, edits: Sequence[Edit], prompts: Sequence[int], ends: frozenset[int] = frozenset()
) -> Iterator[tuple[Applied, ...]]:
    """`rescale` with an edit for each row, in which rows that are alike are computed once; for one `generate`.

    Where a model's rows cannot be computed so, all of them go through every layer.

    Args:
        model: The model.
        edits: Of each row.
        prompts: Of each row the number of its prompt; equal ones are the same prompt.
        ends: Tokens that end an answer; what such a row gives afterwards is arbitrary, and no pass counts for it.

    Raises:
        ValueError: As `rescale`.
    """
    layers = Layers() if alike_refusal(model) else layers_of(model)
    n_heads = frozenset(site.n_heads for site in model.anatomy.sites)
    with _computed_once(model, AlikeRows(layers, edits, prompts, ends, n_heads)) as applied:
        yield applied


def alike_refusal(model: LanguageModel) -> str:
    """The reason that alike rows of a model cannot be computed once; empty if they can.

    Tried on a short prompt under several edits, with tokens behind it that make alike rows differ: the logits are those
    of `rescale`, up to rounding.

    Raises:
        AnatomyError: If the heads cannot be found or certified.
    """
    known = _refusals.get(model.network)
    if known is None:
        known = _refusals[model.network] = _tried(model)
    return known


_refusals: "WeakKeyDictionary[nn.Module, str]" = WeakKeyDictionary()


def _tried(model: LanguageModel) -> str:
    if is_sharded(model.network):
        return "several processes hold it"
    if model.network.config.is_encoder_decoder:
        return "it reads the prompt with an encoder"
    try:
        layers = layers_of(model)
    except AnatomyError as error:
        return str(error)
    sites = model.anatomy.sites
    last, first = Edit.uniform(sites[-1].heads, -1.0), Edit.uniform(sites[0].heads[:1], 0.0)
    edits = [Edit({}), Edit({}), last, last, first, Edit({**first, **last})]
    alike = AlikeRows(layers, edits, [0] * len(edits))
    with rescale_rows(model.network, model.anatomy, edits):
        expected = _steps(model, len(edits))
    try:
        with _computed_once(model, alike):
            found = _steps(model, len(edits))
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        return (
            f"its layers do not take fewer rows ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
        )
    tolerance = TOLERANCE.get(expected.dtype, 0.0) * expected.abs().max()
    return "" if (found - expected).abs().max() <= tolerance else "its layers give something else for fewer rows"


@torch.no_grad()
def _steps(model: LanguageModel, n_rows: int) -> Tensor:
    """Logits behind a prompt and behind two more tokens, at each of which some rows part."""
    ids = (torch.arange(5, device=model.device) + 5).repeat(n_rows, 1)
    parted = torch.arange(n_rows, device=model.device)
    cache, logits, read = None, [], ids
    for more in (parted % 2 + 11, parted // 3 + 13, None):
        options = {} if cache is None else {"past_key_values": cache}
        if numbers_positions(model.network):  # which would count on from the last picture it saw
            places = torch.arange(read.shape[1], device=model.device)[-ids.shape[1] :]
            options["position_ids"] = places.expand_as(ids)
        output = model.network(input_ids=ids, attention_mask=torch.ones_like(read), use_cache=True, **options)
        cache = output.past_key_values
        logits.append(output.logits[:, -1])
        if more is not None:
            ids = more[:, None]
            read = torch.cat([read, ids], dim=1)
    return torch.stack(logits)


@contextmanager
def _computed_once(model: LanguageModel, alike: AlikeRows) -> Iterator[tuple[Applied, ...]]:
    network: Any = model.network

    def begin(_: nn.Module, __: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        alike.begin(kwargs["input_ids"].tolist())

    modules = list(enumerate(alike.layers.modules))
    if modules:
        modules.append((modules[-1][0], network.get_output_embeddings()))
    with ExitStack() as stack:
        if modules:
            stack.callback(network.register_forward_pre_hook(begin, with_kwargs=True).remove)
        for layer, module in modules:
            enter = partial(alike.enter, layer)
            stack.callback(module.register_forward_pre_hook(enter, with_kwargs=True).remove)
            stack.callback(module.register_forward_hook(partial(alike.leave, layer)).remove)
        yield stack.enter_context(rescale_rows(network, model.anatomy, alike.edits, now=alike.now))
