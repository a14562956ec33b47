"""An edit as a plain checkpoint: the heads' columns of the output projections' weights are multiplied."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoProcessor, AutoTokenizer, PreTrainedModel

from headpursuit.models.checkpoints import whole_network
from headpursuit.models.export.plan import ScaledProjection, check_in_range, input_axis
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.offloading import is_offloaded, weights_at_hand
from headpursuit.models.vocabulary import sha256_of_values
from headpursuit.storage import read_json, refuse_full, write_json

_SHARD = "5GB"
"""Size of one file: of an offloaded model, as much is in main memory at once."""


def write_checkpoint(model: LanguageModel, scaled: Sequence[ScaledProjection], folder: Path) -> None:
    """Write network and tokenizer so that transformers loads them like any other; the model stays as it was.

    Raises:
        OSError: If the disk is too full.
    """
    network = model.network
    needed = sum(p.numel() * p.element_size() for p in network.parameters())
    refuse_full(folder, needed, "the weights take")
    with (
        _unquantised(network),
        _known_as_offloaded(network),
        scaled_weights(network, scaled),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Attempting to save a model with offloaded modules")  # a shard fits
        network.save_pretrained(folder, max_shard_size=_SHARD)
    if model.has_encoder or model.hears:
        (model.processor or model.tokenizer).save_pretrained(folder)
    else:
        model.tokenizer.save_pretrained(folder)
        _pad_left(folder / "tokenizer_config.json")


def _pad_left(file: Path) -> None:
    """Say in a saved tokenizer that it pads on the left, as batches of a generating model need it."""
    write_json(file, {**read_json(file), "padding_side": "left"})


def reloaded(model: LanguageModel, folder: Path) -> LanguageModel:
    """The model that was written, placed and computing as the model it was written from."""
    network = model.network
    placed = {"device_map": network.hf_device_map} if hasattr(network, "hf_device_map") else {}
    parts = (part for part in network.modules() if isinstance(part, PreTrainedModel))
    attention = {part.config._attn_implementation for part in parts}
    how: dict[str, Any] = {"dtype": network.dtype}
    if len(attention) == 1:  # parts that attend in ways of their own are given them again
        how["attn_implementation"] = attention.pop()
    kind = type(network) if model.has_encoder or model.hears else AutoModelForCausalLM
    again, flags = whole_network(kind, str(folder), str(folder), **how, **placed)
    if not placed:
        nn.Module.to(again, model.device)
    processor = AutoProcessor.from_pretrained(folder) if model.hears or model.encoder_sense else None
    tokenizer = processor.tokenizer if processor else AutoTokenizer.from_pretrained(folder)
    return LanguageModel(again, tokenizer, str(folder), processor=processor, file_flags=flags, handed=model.handed)


@torch.no_grad()
def hashes_of(network: nn.Module, paths: Iterable[str]) -> dict[str, str]:
    """SHA-256 of projections' weights, by their paths."""
    found = {}
    for path in paths:
        module: Any = network.get_submodule(path)
        with weights_at_hand(module):
            found[path] = sha256_of_values(module.weight.detach())
    return found


@contextmanager
def scaled_weights(network: nn.Module, scaled: Sequence[ScaledProjection]) -> Iterator[None]:
    """Multiply columns of weights while the block runs; afterwards every bit is as before, also after an error.

    Only the edited columns are kept meanwhile. Weights that accelerate keeps elsewhere are multiplied each time they
    are fetched, and what is stored is not touched.
    """
    done: set[int] = set()
    with ExitStack() as stack:
        for one in scaled:
            module: Any = network.get_submodule(one.path)
            if is_offloaded(module):
                stack.enter_context(_scaled_when_fetched(module, one))
            elif id(module.weight) not in done:
                done.add(id(module.weight))
                stack.enter_context(_scaled_in_place(module, one))
        yield


@contextmanager
def _scaled_in_place(module: Any, one: ScaledProjection) -> Iterator[None]:
    weight, axis = module.weight.data, input_axis(module)
    columns = one.columns.to(weight.device)
    kept = weight.index_select(axis, columns)
    try:
        scaled = check_in_range(_multiplied(kept, one.factors[one.columns], axis), one)
        weight.index_copy_(axis, columns, scaled)
        yield
    finally:
        weight.index_copy_(axis, columns, kept)


@contextmanager
def _scaled_when_fetched(module: Any, one: ScaledProjection) -> Iterator[None]:
    hook = module._hf_hook
    kept = hook.weights_map
    hook.weights_map = _Multiplied(kept, one, input_axis(module))
    try:
        yield
    finally:
        hook.weights_map = kept


def _multiplied(weight: Tensor, factors: Tensor, axis: int) -> Tensor:
    factors = factors.to(weight)
    return weight * (factors[:, None] if axis == 0 else factors)


class _Multiplied(Mapping[str, Any]):
    """accelerate's store of a projection's parameters, with the weight multiplied on its way out."""

    def __init__(self, stored: Mapping[str, Any], one: ScaledProjection, axis: int) -> None:
        self._stored, self._one, self._axis = stored, one, axis

    def __getitem__(self, name: str) -> Any:
        value = self._stored[name]
        return (
            check_in_range(_multiplied(value, self._one.factors, self._axis), self._one) if name == "weight" else value
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


@contextmanager
def _unquantised(network: PreTrainedModel) -> Iterator[None]:
    """Set aside what GGUF left in the config: the weights are dequantised, and transformers would refuse to write."""
    quantizer, config = getattr(network, "hf_quantizer", None), network.config
    kept = config.__dict__.pop("quantization_config", None)
    network.hf_quantizer = None  # type: ignore[assignment]
    try:
        yield
    finally:
        network.hf_quantizer = quantizer  # type: ignore[assignment]
        if kept is not None:
            config.quantization_config = kept


@contextmanager
def _known_as_offloaded(network: Any) -> Iterator[None]:
    """Transformers fetches weights from elsewhere only for networks with a device map."""
    lacks = not hasattr(network, "hf_device_map") and any(p.is_meta for p in network.parameters())
    if lacks:
        network.hf_device_map = {"": "cpu"}
    try:
        yield
    finally:
        if lacks:
            del network.hf_device_map
