"""The encoder's part of a batch, done once for all passes of the decoder: edits of the decoder do not change it."""

import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import EncoderDecoderCache

from headpursuit.heads import Edit
from headpursuit.models.batches import Batch, CrossedRow
from headpursuit.models.language_model import LanguageModel

_MASK = "attention_mask"


@dataclass(eq=False)
class _Kept:
    """The output of an encoder for each prompt so far, as much as there is room for."""

    room: int
    """Bytes."""
    rows: dict[bytes, dict[str, Tensor]] = field(default_factory=dict)
    kind: Any = None
    """The class of its outputs."""
    crossed: dict[bytes, CrossedRow] = field(default_factory=dict)
    """Keys and values that cross-attention makes of them."""

    def put(self, key: bytes, row: dict[str, Tensor]) -> None:
        """Keep what one prompt gave, unless there is no room."""
        size = sum(value.numel() * value.element_size() for value in row.values())
        if size <= self.room:
            self.room -= size
            self.rows[key] = row

    def put_crossed(self, key: bytes, row: CrossedRow) -> None:
        """The same of its keys and values."""
        size = sum(value.numel() * value.element_size() for pair in row for value in pair)
        if size <= self.room:
            self.room -= size
            # What is kept is no view into a batch, which would stay with it.
            self.crossed[key] = tuple((keys.clone(), values.clone()) for keys, values in row)


_kept: "WeakKeyDictionary[nn.Module, _Kept]" = WeakKeyDictionary()


@contextmanager
def encodings_kept(model: LanguageModel, room: int) -> Iterator[None]:
    """Inside the block, what an encoder gives for a prompt is kept, and not computed again.

    Args:
        model: The model; of one without an encoder, nothing is kept. No edit but those that are asked for may be on.
        room: Bytes that may be taken.
    """
    if not model.has_encoder or model.network in _kept:
        yield
        return
    _kept[model.network] = _Kept(room)
    try:
        yield
    finally:
        del _kept[model.network]


def encodes_alike(edits: Iterable[Edit]) -> bool:
    """True if no edit touches an encoder's head, so that what the encoder gives is the same under all of them."""
    return not any(head.kind == "encoder" for edit in edits for head in edit)


@torch.no_grad()
def encoded(model: LanguageModel, batch: Batch) -> Batch:
    """A batch in which the encoder has done its part; rows of one prompt are encoded once.

    One whose encoder cannot be run by itself, and one of a model without an encoder, comes back as it is.
    """
    network: Any = model.network
    encoder = network.get_encoder() if batch.source else None
    if encoder is None or not set(batch.source) <= set(inspect.signature(encoder.forward).parameters):
        return batch
    firsts = {prompt: batch.indices.index(prompt) for prompt in batch.indices}
    kept = _kept.get(network, _Kept(0))
    keys = {prompt: _key(batch, row) if kept.room or kept.rows else b"" for prompt, row in firsts.items()}
    missing = [prompt for prompt in firsts if keys[prompt] not in kept.rows]
    found = {prompt: kept.rows[keys[prompt]] for prompt in firsts if prompt not in missing}
    if missing:
        some = [firsts[prompt] for prompt in missing]
        outputs = encoder(**{name: value[some] for name, value in batch.source.items()}, return_dict=True)
        kept.kind = type(outputs)
        for row, prompt in enumerate(missing):
            names = [name for name in ("last_hidden_state", _MASK) if outputs.get(name) is not None]
            found[prompt] = {name: outputs[name][row] for name in names}
            kept.put(keys[prompt], {name: value.clone() for name, value in found[prompt].items()})
    rows = [found[prompt] for prompt in batch.indices]
    together = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    masks = {name: value for name, value in batch.source.items() if name == _MASK}
    return replace(batch, source={"encoder_outputs": kept.kind(**together), **masks}, keys=keys)


@torch.no_grad()
def crossed(model: LanguageModel, batch: Batch, *, lasting: bool = False) -> Batch:
    """An encoded batch with what the decoder's cross-attention makes of it, where `encodings_kept` allows for that.

    Of sound that is most of the work of a pass: Whisper's decoder reads 1,500 positions for every row.

    Args:
        model: The model.
        batch: What `encoded` gave.
        lasting: The batch will be kept, so that only what there is room for may be in it.
    """
    kept = _kept.get(model.network)
    if kept is None or not batch.keys:
        return batch
    firsts = {prompt: batch.indices.index(prompt) for prompt in batch.indices}
    found = {prompt: kept.crossed[key] for prompt, key in batch.keys.items() if key in kept.crossed}
    missing = [prompt for prompt in firsts if prompt not in found]
    if missing:
        some = [firsts[prompt] for prompt in missing]
        source = {name: _rows_of(value, some) for name, value in batch.source.items()}
        start = batch.input_ids[some, :1]
        network: Any = model.network
        cache = network(decoder_input_ids=start, **source, use_cache=True).past_key_values
        if not isinstance(cache, EncoderDecoderCache):
            return batch
        layers: list[Any] = cache.cross_attention_cache.layers
        for row, prompt in enumerate(missing):
            made = tuple((layer.keys[row], layer.values[row]) for layer in layers)
            kept.put_crossed(batch.keys[prompt], made)
            found[prompt] = kept.crossed.get(batch.keys[prompt], made)
    if lasting and not all(key in kept.crossed for key in batch.keys.values()):
        return batch
    return replace(batch, crossed=tuple(found[prompt] for prompt in batch.indices))


def _rows_of(given: Any, rows: list[int]) -> Any:
    """Some rows of a tensor, or of what an encoder gave."""
    if isinstance(given, Tensor):
        return given[rows]
    return type(given)(**{name: value[rows] for name, value in given.items()})


def _key(batch: Batch, row: int) -> bytes:
    """Tells what an encoder is given for one prompt from all else; padding included, which its length depends on."""
    told = blake2b(digest_size=16)
    for name in sorted(batch.source):
        value = batch.source[name][row]
        told.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        told.update(value.contiguous().view(torch.uint8).cpu().numpy().tobytes())
    return told.digest()
