"""Prompts read again and again under different edits, each time from the first layer that an edit changes.

What leaves each decoder layer is kept from one base run. Under an edit, layers below the first one that it touches do
not compute: they hand on what is kept. The rest is the model's own code, so the logits are bit-equal to those of
`rescale`. Whether a model's layers can be replayed is tried on a short prompt first; where they cannot, every pass is
a whole one. Of an encoder-decoder, what the encoder made of the prompts is kept, and the decoder's passes are whole.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headpursuit.heads import Edit, GivenEdit, edit_of
from headpursuit.models.anatomy import AnatomyError
from headpursuit.models.batches import Batch
from headpursuit.models.encoding import crossed, encoded, encodes_alike
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.layers import Layers, layers_of
from headpursuit.models.rescale import rescale
from headpursuit.models.sharding import is_sharded
from headpursuit.models.text import read_logits


@dataclass(frozen=True, eq=False)
class _Reader:
    """Passes over one batch, from any layer."""

    model: LanguageModel
    batch: Batch
    layers: Layers
    n_read: int = 1
    prompt_length: int | None = None
    every: int = 1
    encoded: Batch | None = None
    """The batch with what the encoder of an encoder-decoder made of it; None of other models."""

    @torch.no_grad()
    def read(
        self, edit: Edit, kept: Mapping[int, Any], first: int, keep_in: dict[int, Any] | None = None
    ) -> Float[Tensor, "n_prompts n_read vocab"]:
        """Logits under an edit that changes nothing below the layer `first`; what leaves layers may be kept."""
        start = begin_of(kept, first)
        with ExitStack() as stack:
            stack.enter_context(rescale(self.model, edit, prompt_length=self.prompt_length))
            if start:
                stack.enter_context(_standing_in(self.layers.modules[:start], kept[start]))
            if keep_in is not None:
                for number, layer in enumerate(self.layers.modules[start:], start=start + 1):
                    if self.every and number % self.every == 0:
                        stack.callback(layer.register_forward_hook(_keep_in(keep_in, number)).remove)
            batch = self.encoded if self.encoded and encodes_alike([edit]) else self.batch
            logits = read_logits(self.model, batch, logits_to_keep=self.n_read)
        return logits[:, -self.n_read :]


class Replay:
    """One batch of prompts, read once under a base edit; read again under others from the first layer that differs."""

    def __init__(self, reader: _Reader, under: Edit, kept: dict[int, Any], first: int) -> None:
        """Made by `replay`, or from another replay."""
        self._reader, self._under, self._kept = reader, under, dict(kept)
        self.base: Float[Tensor, "n_prompts n_read vocab"] = reader.read(under, kept, first, self._kept)
        """Logits under the base edit."""

    @property
    def n_bytes(self) -> int:
        """Memory that the kept values take: tokens of the batch times width of the stream, for every kept layer."""
        return sum(t.numel() * t.element_size() for kept in self._kept.values() for t in _tensors(kept))

    @property
    def n_kept(self) -> int:
        """Layers whose output is kept."""
        return len(self._kept)

    @property
    def every(self) -> int:
        """The distance of kept layers, as `replay` took it."""
        return self._reader.every

    def logits(self, edit: Edit) -> Float[Tensor, "n_prompts n_read vocab"]:
        """Logits under an edit, bit-equal to those of a whole pass.

        Raises:
            ValueError: If it names a head that the model does not have.
        """
        return self._reader.read(edit, self._kept, self._first(edit))

    def under(self, edit: Edit) -> "Replay":
        """The same prompts under another base edit; what it shares with this one is not computed again."""
        first = self._first(edit)
        return Replay(self._reader, edit, {n: kept for n, kept in self._kept.items() if n <= first}, first)

    def share(self, edit: Edit) -> float:
        """The part of the layers that a pass under an edit computes, 0 to 1."""
        layers = self._reader.layers.modules
        return 1 - begin_of(self._kept, self._first(edit)) / len(layers) if layers else 1.0

    def _first(self, edit: Edit) -> int:
        """The lowest layer in which an edit differs from the base edit."""
        if self._under and edit.scope != self._under.scope:
            return 0
        changed = [head for head in {*edit, *self._under} if edit.get(head, 1.0) != self._under.get(head, 1.0)]
        return self._reader.layers.first_of(changed)


def replay(
    model: LanguageModel,
    batch: Batch,
    *,
    n_read: int = 1,
    under: GivenEdit | None = None,
    prompt_length: int | None = None,
    every: int = 1,
) -> Replay:
    """Read a batch of prompts, and keep what leaves the layers.

    Args:
        model: The model.
        batch: The prompts.
        n_read: Logits of so many last tokens are read; 0 for all.
        under: The base edit; none if it is left out.
        prompt_length: As `rescale` takes it.
        every: Keep what enters every so many layers: less memory, and a pass begins up to `every` - 1 layers earlier; 0
            keeps nothing.

    Raises:
        ValueError: If `every` or `n_read` cannot be, or the edit names a head that the model does not have.
        AnatomyError: If the heads cannot be found or certified.
    """
    if every < 0 or n_read < 0:
        raise ValueError(f"every is {every} and n_read {n_read}; neither can be below 0")
    layers = Layers() if replay_refusal(model) else layers_of(model)
    ready = crossed(model, encoded(model, batch), lasting=True) if model.has_encoder else None
    return Replay(_Reader(model, batch, layers, n_read, prompt_length, every, ready), edit_of(under or {}), {}, 0)


def begin_of(kept: Mapping[int, Any], first: int) -> int:
    """The layer that a pass begins at: the last one at or below the first changed whose input is kept."""
    return max((number for number in kept if number <= first), default=0)


def replay_refusal(model: LanguageModel) -> str:
    """The reason that a model's layers cannot be replayed, so that every pass is a whole one; empty if they can.

    Tried on a short prompt, for every layer: without an edit a replay gives the logits bit by bit, and with the layer's
    heads at scale -1 those of `rescale`.

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
    if model.has_encoder:
        return "its decoder reads what an encoder gives, too"
    try:
        layers = layers_of(model)
    except AnatomyError as error:
        return str(error)
    ids = torch.arange(5, device=model.device)[None] + 5
    reader, another = (_Reader(model, Batch((0,), i, torch.ones_like(i)), layers, n_read=0) for i in (ids, ids + 5))
    kept: dict[int, Any] = {}
    base, nothing = reader.read(Edit({}), {}, 0, kept), Edit({})
    if sorted(kept) != list(range(1, len(layers.modules) + 1)):
        return "not every layer runs when it reads"
    edits = {layers.number_of[site.name]: Edit.uniform(site.heads, -1.0) for site in model.anatomy.sites}
    whole = {number: reader.read(edit, {}, 0) for number, edit in edits.items()}
    # What layers below keep for themselves is another prompt's from here on.
    another.read(nothing, {}, 0)
    for number in sorted(edits, reverse=True):
        found = reader.read(nothing, kept, number), reader.read(edits[number], kept, number)
        if not (torch.equal(found[0], base) and torch.equal(found[1], whole[number])):
            return f"layer {number} does not depend on the layer below it alone"
    return ""


@contextmanager
def _standing_in(layers: Sequence[nn.Module], output: Any) -> Iterator[None]:
    """Layers that do not compute: each gives out the same, of which the last one's is read."""

    def forward(*_: Any, **__: Any) -> Any:
        return _copied(output)

    with ExitStack() as stack:
        for layer in layers:
            own = {
                name: value for name, value in layer.__dict__.items() if name == "forward"
            }  # accelerate puts one there
            stack.callback(layer.__dict__.update, own)
            stack.callback(layer.__dict__.pop, "forward")
            layer.__dict__["forward"] = forward
        yield


def _keep_in(kept: dict[int, Any], number: int) -> Callable[[nn.Module, Any, Any], None]:
    def keep(_: nn.Module, __: Any, output: Any) -> None:
        kept[number] = _copied(output)

    return keep


def _copied(output: Any) -> Any:
    """A layer's output with tensors of its own: some layers add to what they are given in place."""
    if isinstance(output, Tensor):
        return output.detach().clone()
    return tuple(map(_copied, output)) if isinstance(output, tuple) else output


def _tensors(output: Any) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    return [t for part in output for t in _tensors(part)] if isinstance(output, tuple) else []
