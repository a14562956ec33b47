"""The short forward pass that heads are looked for in."""

import inspect
import re
from collections.abc import Collection
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from headpursuit.models.anatomy.sites import AnatomyError
from headpursuit.models.compiled import uncompiled

N_TOKENS = 7
"""Tokens in a probe: a number that is no usual head count or width."""

_N_SOURCE = 11
"""Tokens for an encoder: another number, which tells cross-attention from self-attention."""

Probe = dict[str, Any]
"""Inputs of a forward pass, by name."""

_NOT_TEXT = re.compile(
    r"(^|\.)(vision\w*|visual\w*|image\w*|audio\w*|speech\w*|\w*resampler|qformer|perceiver\w*|protein\w*|vq\w*|"
    r"embed_tokens_extend)(\.|$)"
)
"""Parts of a decoder's subtree that read something else than text."""


def probe_input(network: PreTrainedModel) -> Probe:
    """A short harmless input: a few ordinary token ids; encoder-decoders get some for both sides."""
    ids = _ids(network, N_TOKENS)
    if network.config.is_encoder_decoder:
        source = _ids(network, _N_SOURCE)
        return {"input_ids": source, "attention_mask": torch.ones_like(source), "decoder_input_ids": ids}
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def decoder_probe(network: PreTrainedModel) -> Tensor:
    """A few token ids for a decoder whose encoder reads something else than text."""
    return _ids(network, N_TOKENS)


def n_tokens(probe: Probe) -> int:
    """Number of tokens of text in a probe."""
    ids = probe.get("decoder_input_ids", probe.get("input_ids"))
    if ids is None:
        raise AnatomyError("a probe needs input_ids, or decoder_input_ids for an encoder-decoder")
    return int(ids.shape[1])


def _ids(network: PreTrainedModel, length: int) -> Tensor:
    embedding: Any = network.get_input_embeddings()
    weight = getattr(embedding, "weight", None)
    rows = network.config.get_text_config(decoder=True).vocab_size if weight is None else weight.shape[0]
    return (torch.arange(length, device=input_device(network))[None] + rows // 2) % rows


def input_device(network: PreTrainedModel) -> torch.device:
    """The device that inputs go to, also where accelerate keeps the weights elsewhere until they are needed."""
    hook = getattr(network.get_input_embeddings(), "_hf_hook", None)
    device = getattr(hook, "execution_device", None)
    return network.device if device is None else torch.device(device)


@torch.no_grad()
def run_probe(network: PreTrainedModel, probe: Probe) -> Any:
    """One forward pass without cache.

    Raises:
        AnatomyError: If the model cannot read the probe.
    """
    try:
        with uncompiled():  # else hooks and watching would not be heard
            return network(**probe, **({"use_cache": False} if _takes(network, "use_cache") else {}))
    except Exception as error:  # whatever a model's code raises
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        hint = "; do its processor and its weights belong together?" if "pixel_values" in probe else ""
        raise AnatomyError(
            f"{type(network).__name__} cannot read a probe ({', '.join(probe)}): {type(error).__name__} {reason}{hint}"
        ) from error


@torch.no_grad()
def overflow_in(network: PreTrainedModel, probe: Probe) -> str:
    """The first module that is given or gives NaN or infinities, of those without modules in them; empty if none is."""
    found: list[str] = []

    def look(name: str, values: tuple[Any, ...]) -> None:
        if not found and any(_is_broken(one) for one in values):
            found.append(name)

    with ExitStack() as stack:
        for name, module in network.named_modules():
            if not any(True for _ in module.children()):
                hook = module.register_forward_hook(lambda _, args, output, name=name: look(name, (*args, output)))
                stack.callback(hook.remove)
        run_probe(network, probe)
    return found[0] if found else ""


def _is_broken(values: Any) -> bool:
    return isinstance(values, Tensor) and values.is_floating_point() and not bool(values.isfinite().all())


def _takes(network: PreTrainedModel, name: str) -> bool:
    parameters = inspect.signature(network.forward).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def text_decoder(network: PreTrainedModel) -> nn.Module:
    """The part of a network that reads and writes text."""
    decoder = network.get_decoder()
    return network.base_model if decoder is None or is_linear(decoder) else decoder


def text_modules(network: PreTrainedModel) -> dict[nn.Module, str]:
    """Modules of the text decoder and their names within the network, without encoders that stand beside it."""
    decoder, names = text_decoder(network), {module: name for name, module in network.named_modules()}
    root = names[decoder]
    found = {}
    for module in decoder.modules():
        name = names[module]
        if not _NOT_TEXT.search(name.removeprefix(root)) and not _is_encoder(name, names.values()):
            found[module] = name
    return found


def encoder_modules(network: PreTrainedModel) -> dict[nn.Module, str]:
    """Modules of an encoder-decoder's encoder and their names within the network; none of other networks."""
    encoder = network.get_encoder() if network.config.is_encoder_decoder else network
    if encoder is network:
        return {}
    inside = set(encoder.modules()) - set(text_decoder(network).modules())
    return {module: name for name, module in network.named_modules() if module in inside}


def _is_encoder(name: str, names: Collection[str]) -> bool:
    """True for a module in an `encoder` that has a `decoder` beside it."""
    parts = name.split(".")
    places = (i for i, part in enumerate(parts) if part == "encoder")
    return any(".".join([*parts[:i], "decoder"]) in names for i in places)


def is_linear(module: nn.Module) -> bool:
    """True for a linear layer in any one of its many guises."""
    if isinstance(module, nn.Linear | Conv1D) or hasattr(module, "base_layer"):  # the latter are adapters
        return True
    # By its class's name, but not whatever belongs to a family that is called Linear something.
    return "Linear" in type(module).__name__ and not is_norm(module) and not any(True for _ in module.children())


def has_matrix(module: nn.Module) -> bool:
    """True for a module that owns a weight matrix, such as that of a router."""
    return any(parameter.dim() > 1 for parameter in module.parameters(recurse=False))


def is_norm(module: nn.Module) -> bool:
    """True for a norm, by its class's name."""
    return "norm" in type(module).__name__.lower()
