"""An edit as a PEFT adapter: written without touching the network, and loaded by PEFT itself to be compared.

(IA)3 multiplies the input of each projection by a vector, as the live edit does: exact for every scale, in the dtype it
was written in, also on quantised weights; a few KB.

LoRA, for servers that take nothing else: W' x = W x + B A x, where A picks the scaled columns of the input (one-hot
rows) and B holds (scale - 1) times those columns of W. Equal to the live edit up to rounding. The rank is the number of
scaled columns: d_head for each head.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor, nn

from headpursuit.extras import optional
from headpursuit.models.adapters import put_on
from headpursuit.models.export.plan import ScaledProjection, check_in_range, input_axis
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.offloading import weights_at_hand


def write_ia3(model: LanguageModel, scaled: Sequence[ScaledProjection], folder: Path) -> None:
    """Write the adapter; the model is not touched.

    Factors are rounded to the network's dtype, which is what the live edit multiplies by.

    Source: Liu et al. 2022, arXiv 2205.05638 (PEFT calls modules whose input is scaled feedforward modules).
    """
    config = optional("peft").IA3Config(**_settings(model, scaled), feedforward_modules=[one.path for one in scaled])
    dtype = model.network.dtype
    tensors = {f"{one.path}.ia3_l": check_in_range(one.factors[None].to(dtype), one) for one in scaled}
    _write(config, tensors, folder)


def write_lora(model: LanguageModel, scaled: Sequence[ScaledProjection], folder: Path) -> None:
    """Write the adapter; the model is not touched.

    PEFT multiplies B A by alpha / rank; both are set to the same number for every module, so that this is 1.

    Source: Hu et al. 2021, arXiv 2106.09685.
    """
    ranks = ranks_of(scaled)
    most = max(ranks.values())
    pattern = {} if set(ranks.values()) == {most} else ranks
    config = optional("peft").LoraConfig(
        **_settings(model, scaled),
        r=most,
        lora_alpha=most,
        rank_pattern=dict(pattern),
        alpha_pattern=dict(pattern),
        lora_dropout=0.0,
        bias="none",
    )
    tensors: dict[str, Tensor] = {}
    for one in scaled:
        a, b = _factors(model.network.get_submodule(one.path), one)
        tensors |= {f"{one.path}.lora_A.weight": a, f"{one.path}.lora_B.weight": b}
    _write(config, tensors, folder)


def ranks_of(scaled: Sequence[ScaledProjection]) -> dict[str, int]:
    """The rank of each module's adapter."""
    return {one.path: len(one.columns) for one in scaled}


@torch.no_grad()
def _factors(module: Any, one: ScaledProjection) -> tuple[Float[Tensor, "rank width"], Float[Tensor, "d_model rank"]]:
    columns, axis = one.columns, input_axis(module)
    a = torch.zeros(len(columns), len(one.factors))
    a[torch.arange(len(columns)), columns] = 1
    with weights_at_hand(module):
        weight = module.weight.detach()
        taken = weight.index_select(axis, columns.to(weight.device))
    b = (taken if axis == 1 else taken.T) * (one.factors[columns] - 1).to(weight.device)
    return a.to(weight.dtype), check_in_range(b.to(weight.dtype), one)


def _settings(model: LanguageModel, scaled: Sequence[ScaledProjection]) -> dict[str, Any]:
    """Settings that both kinds of adapters have."""
    seq2seq = getattr(model.network.config, "is_encoder_decoder", False)
    return {
        "task_type": "SEQ_2_SEQ_LM" if seq2seq else "CAUSAL_LM",
        "target_modules": [one.path for one in scaled],
        "fan_in_fan_out": any(input_axis(model.network.get_submodule(one.path)) == 0 for one in scaled),
        "base_model_name_or_path": model.name or None,
        "revision": model.revision,
        "inference_mode": True,
    }


def _write(config: Any, tensors: Mapping[str, Tensor], folder: Path) -> None:
    """An adapter as PEFT reads it; tensors by path of the module and name of the parameter (`...o_proj.ia3_l`)."""
    config.save_pretrained(folder)
    named = {f"base_model.model.{name}": tensor.contiguous().cpu() for name, tensor in tensors.items()}
    save_file(named, folder / "adapter_model.safetensors", metadata={"format": "pt"})


@contextmanager
def adapter_on(network: nn.Module, folder: Path, paths: Sequence[str]) -> Iterator[None]:
    """Let PEFT load an adapter onto the base, of which no second copy is made; afterwards that is as it was.

    `paths` are the modules that the adapter wraps.
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
