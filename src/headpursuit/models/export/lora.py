"""An edit as a LoRA adapter, for servers that take nothing else.

W' x = W x + B A x, where A picks the scaled columns of the input (one-hot rows) and B holds (scale - 1) times those
columns of W. Equal to the live edit up to rounding. The rank is the number of scaled columns: d_head for each head.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.models.adapters import peft_library
from headpursuit.models.export.adapters import config_of, write_adapter
from headpursuit.models.export.plan import ScaledProjection, check_in_range, input_axis
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.weights import weights_at_hand


def write_lora(model: LanguageModel, scaled: Sequence[ScaledProjection], folder: Path) -> None:
    """Write the adapter; the model is not touched.

    PEFT multiplies B A by alpha / rank; both are set to the same number for every module, so that this is 1.

    Source: Hu et al. 2021, arXiv 2106.09685.
    """
    ranks = ranks_of(scaled)
    most = max(ranks.values())
    pattern = {} if set(ranks.values()) == {most} else ranks
    config = peft_library().LoraConfig(
        **config_of(model, scaled),
        r=most,
        lora_alpha=most,
        rank_pattern=dict(pattern),
        alpha_pattern=dict(pattern),
        lora_dropout=0.0,
        bias="none",
        fan_in_fan_out=any(input_axis(model.network.get_submodule(one.path)) == 0 for one in scaled),
    )
    tensors: dict[str, Tensor] = {}
    for one in scaled:
        a, b = _factors(model.network.get_submodule(one.path), one)
        tensors |= {f"{one.path}.lora_A.weight": a, f"{one.path}.lora_B.weight": b}
    write_adapter(config, tensors, folder)


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
