"""Read every head's mixed values while the model reads prompts or its own answers."""

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Any, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from headpursuit.media import MODALITIES, GivenPrompts, Prompt, prompt_stream
from headpursuit.models.anatomy import HeadSite, check_positions, site_hooks
from headpursuit.models.batches import Batch, batches
from headpursuit.models.compiled import uncompiled
from headpursuit.models.encoding import encoded
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.media_batches import media_positions
from headpursuit.models.norms import inverse_scale
from headpursuit.models.senses.positions import MediaPositions
from headpursuit.models.sharding import whole_width
from headpursuit.models.text import continue_batch
from headpursuit.settings import Chat, Positions

Receive = Callable[[str, Float[Tensor, "n_samples n_heads d_head"]], None]
"""Takes a site (`L12`) and its mixed values, in the network's dtype and on its device."""

MEDIA = tuple(modality.name for modality in MODALITIES)
"""Positions that stand for something that is no text."""

_WINDOW = 4096
"""Prompts that are held as tokens at once; within them, batches are made of similar lengths."""


@dataclass(frozen=True, eq=False)
class MixedBatch:
    """A batch of prompts and the positions to capture in it; the model runs when it is read."""

    number: int
    """Counted from 0 over all batches."""
    prompt_of: tuple[int, ...]
    """Number of the prompt that each sample belongs to."""
    position_of: tuple[int, ...]
    """Position of each sample's token, counted from its prompt's first token."""
    n_prompts: int
    _forward: Callable[[Receive], None]

    def read(self, receive: Receive) -> None:
        """Run the model, and hand over each layer's mixed values when they are there; no layer is kept."""
        self._forward(receive)

    def mixed(self) -> dict[str, Float[Tensor, "n_samples n_heads d_head"]]:
        """Run the model and keep all layers."""
        kept: dict[str, Tensor] = {}
        self.read(kept.__setitem__)
        return kept


def read_mixed(
    model: LanguageModel,
    prompts: GivenPrompts,
    positions: Positions = "last",
    *,
    batch_size: int = 32,
    chat: Chat | bool = False,
    max_new_tokens: int = 16,
    wanted: Callable[[int], bool] = lambda _: True,
) -> Iterator[MixedBatch]:
    """Capture batch by batch, in memory that does not grow with the number of prompts.

    Args:
        model: The model.
        prompts: Texts, and texts with an image; gone through once, or twice if they are more than a few thousand.
        positions: `last`: each prompt's last token. `prompt`: all its tokens. `generated`: the tokens of the model's
            greedy answer. `image`, `audio`: the tokens that stand for the prompt's image or sound. `all`: prompt and
            answer.
        batch_size: Prompts per batch.
        chat: Put each prompt into the chat template; a `Chat` also has its system prompt and settings.
        max_new_tokens: Length of the answers, where they are captured.
        wanted: Which batches to read, by number: others are somebody else's, or were read before.

    Raises:
        FileNotFoundError: If an image is missing; before the model runs.
        ValueError: Unknown positions, or prompts that cannot be read (see `batches`); before the model runs, but for
            what only shows when a picture is opened. Or positions `image` or `audio` of a model in whose text it has
            none.

    An answer is captured by reading prompt and answer again in one pass, which gives every answer token the mixed
    values it had while the model answered, and leaves out what is padding behind an answer's end.
    """
    if positions not in get_args(Positions):
        raise ValueError(f"unknown positions {positions!r}; choose {', '.join(get_args(Positions))}")
    if positions in MEDIA:
        MediaPositions.of(model.network, positions)
    prompts = prompt_stream(prompts)
    answering = positions in ("generated", "all")
    room = max_new_tokens if answering else 0
    number = 0
    for first, window in _checked(model, prompts, batch_size, chat, room):
        n_batches = -(-len(window) // batch_size) if batch_size > 0 else 1
        alike = len({type(prompt) for prompt in window}) == 1
        if alike and not any(wanted(number + i) for i in range(n_batches)) and model.certificate.padding:
            number += n_batches
            continue
        planned = batches(model, window, batch_size, chat=chat, room=room, first=first)
        for i in range(len(planned)):
            if wanted(number + i):
                batch = planned[i]
                batch = encoded(model, batch)
                full = continue_batch(model, batch, max_new_tokens) if answering else batch
                yield _planned(model, number + i, full, positions, batch.input_ids.shape[1])
        number += len(planned)


def _checked(
    model: LanguageModel, prompts: Collection[Prompt], batch_size: int, chat: Chat | bool, room: int
) -> Iterator[tuple[int, list[Prompt]]]:
    """The prompts by windows, each with its first prompt's number; if they are several, all are tokenized first."""
    windows = list(islice(_windows(prompts), 2)) or [(0, [])]
    if len(windows) < 2:
        yield from windows
        return
    for first, window in _windows(prompts):
        batches(model, window, batch_size, chat=chat, room=room, first=first)
    yield from _windows(prompts)


def _windows(prompts: Collection[Prompt]) -> Iterator[tuple[int, list[Prompt]]]:
    left, first = iter(prompts), 0
    while window := list(islice(left, _WINDOW)):
        yield first, window
        first += len(window)


def _planned(model: LanguageModel, number: int, batch: Batch, positions: Positions, prompt_length: int) -> MixedBatch:
    chosen = chosen_positions(model, batch, positions, prompt_length)
    rows = chosen.nonzero()[:, 0].tolist()
    return MixedBatch(
        number,
        tuple(batch.indices[row] for row in rows),
        tuple(batch.position_ids[chosen].tolist()),
        len(batch.indices),
        lambda receive: _forward(model, batch, chosen, receive),
    )


def chosen_positions(
    model: LanguageModel, batch: Batch, positions: Positions, prompt_length: int
) -> Bool[Tensor, "n_prompts n_tokens"]:
    """The positions of a batch to look at, where the first `prompt_length` tokens are the prompts; never padding."""
    chosen = batch.attention_mask.bool().clone()
    if positions in MEDIA:
        chosen &= media_positions(model, batch, positions)
    if positions == "last":
        chosen[:, :-1] = False
    if positions == "generated":
        chosen[:, :prompt_length] = False
    return chosen


@torch.no_grad()
def _forward(model: LanguageModel, batch: Batch, chosen: Bool[Tensor, "n_prompts n_tokens"], receive: Receive) -> None:
    reader = _Reader(chosen, receive)
    norms = {model.network.get_submodule(site.norm) for site in model.anatomy.sites if site.norm}
    with ExitStack() as stack:
        stack.enter_context(uncompiled())
        stack.enter_context(site_hooks(model.network, model.anatomy.sites, reader.enter))
        for norm in norms:
            stack.callback(norm.register_forward_hook(reader.normed).remove)
        _decoder(model.network, batch)(**batch.inputs, use_cache=False)


def _decoder(network: Any, batch: Batch) -> nn.Module:
    """The network without its unembedding: what that says about every position is not needed."""
    base = network.base_model
    takes = inspect.signature(base.forward).parameters
    return base if all(name in takes for name in batch.media) else network


def rows_at(values: Tensor, which: Int[Tensor, " n_samples"], shape: Sequence[int]) -> Float[Tensor, "n_samples width"]:
    """A module's values at some positions of a batch of tokens, counted along its rows.

    Raises:
        AnatomyError: If the values are not one for each token.
    """
    check_positions(values, shape)
    rows = values.flatten(0, 1) if values.dim() > 2 else values
    return rows.index_select(0, which.to(rows.device))


class _Reader:
    """Takes the chosen positions of what enters each projection, and hands them over."""

    def __init__(self, chosen: Bool[Tensor, "n_prompts n_tokens"], receive: Receive) -> None:
        self._which, self._shape = chosen.flatten().nonzero()[:, 0], chosen.shape
        self._receive = receive
        self._waiting: tuple[HeadSite, Tensor] | None = None
        """Mixed values whose norm has not run yet."""

    def enter(self, site: HeadSite, mixed: Tensor) -> None:
        mixed = whole_width(self._chosen(mixed), site.width)
        if site.norm:
            self._waiting = site, mixed
        else:
            self._hand_over(site, mixed)

    def normed(self, norm: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        """Divide by the norm's scale, so that z @ W is what arrives behind the norm."""
        if self._waiting is None:
            return
        (site, mixed), self._waiting = self._waiting, None
        scale = inverse_scale(norm, self._chosen(args[0]), self._chosen(output))
        self._hand_over(site, mixed.float() * scale[:, None])

    def _chosen(self, values: Tensor) -> Tensor:
        return rows_at(values, self._which, self._shape)

    def _hand_over(self, site: HeadSite, mixed: Tensor) -> None:
        self._receive(site.name, mixed.unflatten(-1, (site.n_heads, site.d_head)))
