"""PEFT adapters: written without touching the network, and loaded by PEFT itself to be compared."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, nn

from headpursuit.models.adapters import put_on
from headpursuit.models.export.plan import ScaledProjection
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.weights import weights_at_hand


def config_of(model: LanguageModel, scaled: Sequence[ScaledProjection]) -> dict[str, Any]:
    """What the configs of all kinds of adapters say."""
    seq2seq = getattr(model.network.config, "is_encoder_decoder", False)
    return {
        "task_type": "SEQ_2_SEQ_LM" if seq2seq else "CAUSAL_LM",
        "target_modules": [one.path for one in scaled],
        "base_model_name_or_path": model.name or None,
        "revision": model.revision,
        "inference_mode": True,
    }


def write_adapter(config: Any, tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Write an adapter as PEFT reads it.

    Args:
        config: A PEFT config.
        tensors: By path of the module and name of the parameter, such as `model.layers.3.self_attn.o_proj.ia3_l`.
        folder: Where.
    """
    config.save_pretrained(folder)
    named = {f"base_model.model.{name}": tensor.contiguous().cpu() for name, tensor in tensors.items()}
    save_file(named, folder / "adapter_model.safetensors", metadata={"format": "pt"})


@contextmanager
def adapter_on(network: nn.Module, folder: Path, paths: Sequence[str]) -> Iterator[None]:
    """Let PEFT load an adapter onto the network; afterwards the network is as it was, also after an error.

    Args:
        network: The base, of which no second copy is made.
        folder: The adapter.
        paths: The modules that it wraps.
    """
    with _restored(network):
        with ExitStack() as stack:
            for path in paths:  # adapters go where the weights are, which must not be nowhere
                stack.enter_context(weights_at_hand(network.get_submodule(path)))
            put_on(network, folder)
        yield


@contextmanager
def _restored(network: nn.Module) -> Iterator[None]:
    """Put back every module and what PEFT sets on a network.

    PEFT would spread a network with a device map anew, so the map is out of its sight meanwhile.
    """
    children = [(module, dict(module._modules)) for module in network.modules()]
    trained = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    modes = [(module, module.training) for module in network.modules()]
    hidden = {"hf_device_map", "peft_config"} & network.__dict__.keys()
    kept: dict[str, Any] = {name: network.__dict__.pop(name) for name in hidden}
    try:
        yield
    finally:
        for module, named in children:
            module._modules.clear()
            module._modules.update(named)
        for parameter, requires_grad in trained:
            parameter.requires_grad_(requires_grad)
        for module, training in modes:
            module.training = training
        network.__dict__.pop("peft_config", None)
        network.__dict__.update(kept)
