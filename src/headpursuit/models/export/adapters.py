"""An edit as a PEFT adapter: written without touching the network, and loaded by PEFT itself to be compared.

(IA)3 multiplies the input of each projection by a vector, as the live edit does: exact for every scale, in the dtype it
was written in, also on quantised weights; a few KB.

LoRA, for servers that take nothing else: W' x = W x + B A x, where A picks the scaled columns of the input (one-hot
rows) and B holds (scale - 1) times those columns of W. Equal to the live edit up to rounding. The rank is the number of
scaled columns, d_head for each head, of the layer that has most; all modules have it, filled up with zeros, since
servers and converters read one rank and one alpha for all. A smaller rank takes the nearest matrix of that rank.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor, nn

from headpursuit.extras import optional
from headpursuit.models.adapters import put_on
from headpursuit.models.checkpoints import Place, explained
from headpursuit.models.export.plan import ScaledProjection, check_in_range, input_axis
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.offloading import weights_at_hand

VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Values of vLLM's `--max-lora-rank` (`MaxLoRARanks` in vllm/config/lora.py); an adapter's rank may be at most that."""


def write_ia3(model: LanguageModel, scaled: Sequence[ScaledProjection], folder: Path) -> None:
    """Write the adapter; the model is not touched.

    Factors are rounded to the network's dtype, which is what the live edit multiplies by.

    Source: Liu et al. 2022, arXiv 2205.05638 (PEFT calls modules whose input is scaled feedforward modules).
    """
    paths = [one.path for one in scaled]
    config = optional("peft").IA3Config(**_settings(model, paths), feedforward_modules=paths)
    dtype = model.network.dtype
    tensors = {f"{one.path}.ia3_l": check_in_range(one.factors[None].to(dtype), one) for one in scaled}
    _write(config, tensors, folder)


@dataclass(frozen=True, eq=False)
class LowRank:
    """The change of each projection as B A, all of one rank."""

    pairs: dict[str, tuple[Float[Tensor, "rank width"], Float[Tensor, "d_model rank"]]]
    """A and B by the projection's path."""
    rank: int
    needed: int
    """The rank that holds the edit whole."""
    error: float = 0.0
    """Of the change, relative to it (Frobenius norm), in the module where it is worst; 0 where nothing was left out."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """The rank, and what a server has to be told of it."""
        vllm = next((rank for rank in VLLM_RANKS if rank >= self.rank), None)
        server = f"vLLM needs --max-lora-rank {vllm}" if vllm else f"more than vLLM takes, {VLLM_RANKS[-1]}"
        cut = f"; cut from {self.needed}, the change of weights is off by {self.error:.1%}" if self.error else ""
        return (f"rank {self.rank} for every module, alpha the same; {server}{cut}",)


@torch.no_grad()
def low_rank(model: LanguageModel, scaled: Sequence[ScaledProjection], rank: int | None = None) -> LowRank:
    """The edit as a LoRA; the model is not touched.

    Args:
        model: The model.
        scaled: Projections and their factors.
        rank: Rank of every module; None for what the edit needs. With less, the nearest matrices of that rank.

    Raises:
        ValueError: If the rank is no positive number, or larger than the smaller side of a projection.
    """
    exact = {one.path: _factors(model.network.get_submodule(one.path), one) for one in scaled}
    needed = max(len(a) for a, _ in exact.values())
    rank = needed if rank is None else rank
    widest = max(needed, min(min(a.shape[1], len(b)) for a, b in exact.values()))
    if not 1 <= rank <= widest:
        raise ValueError(
            f"rank {rank} is none for these projections; give 1 to {widest} ({needed} holds the edit whole)"
        )
    worst, pairs = 0.0, {}
    for path, (a, b) in exact.items():
        if len(a) > rank:
            u, sizes, v = torch.linalg.svd(b.double(), full_matrices=False)
            worst = max(worst, float(sizes[rank:].norm() / sizes.norm()))
            a, b = (v[:rank] @ a.double()).to(a), (u[:, :rank] * sizes[:rank]).to(b)
        pairs[path] = nn.functional.pad(a, (0, 0, 0, rank - len(a))), nn.functional.pad(b, (0, rank - b.shape[1]))
    return LowRank(pairs, rank, needed, worst)


def write_lora(model: LanguageModel, folder: Path, factors: LowRank) -> None:
    """Write the adapter; the model is not touched.

    PEFT multiplies B A by alpha / rank; both are the same number for all modules, so that this is 1.

    Source: Hu et al. 2021, arXiv 2106.09685.
    """
    config = optional("peft").LoraConfig(
        **_settings(model, list(factors.pairs)), r=factors.rank, lora_alpha=factors.rank, lora_dropout=0.0, bias="none"
    )
    tensors: dict[str, Tensor] = {}
    for path, (a, b) in factors.pairs.items():
        tensors |= {f"{path}.lora_A.weight": a, f"{path}.lora_B.weight": b}
    _write(config, tensors, folder)


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


def _settings(model: LanguageModel, paths: list[str]) -> dict[str, Any]:
    """Settings that both kinds of adapters have."""
    # PEFT's tasks are of models that read text; without one, whatever a model is given is handed on.
    task = None if model.encoder_sense else "SEQ_2_SEQ_LM" if model.has_encoder else "CAUSAL_LM"
    return {
        "task_type": task,
        "target_modules": paths,
        "fan_in_fan_out": any(input_axis(model.network.get_submodule(path)) == 0 for path in paths),
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

    Raises:
        ValueError: If PEFT cannot read it, or it does not fit.
    """
    with _restored(network):
        with ExitStack() as stack:
            for path in paths:  # adapters go where the weights are, which must not be nowhere
                stack.enter_context(weights_at_hand(network.get_submodule(path)))
            with explained(str(folder), Place(str(folder), is_adapter=True)):
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
