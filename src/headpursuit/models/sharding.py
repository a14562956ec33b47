"""Models that several processes hold together (`tp_plan`): each process computes some heads of every layer."""

from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from headpursuit.processes import Processes, launched

if TYPE_CHECKING:
    from headpursuit.models.language_model import LanguageModel


def n_shards(network: Any) -> int:
    """Number of processes that hold the model together; 1 for an ordinary model."""
    return getattr(network, "tp_size", None) or 1


def is_sharded(network: Any) -> bool:
    """True if several processes hold the model together."""
    return n_shards(network) > 1


def processes_of(model: "LanguageModel") -> Processes:
    """The processes that share work on a model; those that hold it together do all of it together."""
    found = launched()
    return found.as_one() if is_sharded(model.network) else found


def whole_tensor(tensor: Tensor) -> Tensor:
    """A parameter with the parts of all processes."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def whole_width(values: Tensor, width: int) -> Tensor:
    """Values of all heads side by side, where this process may hold only some."""
    if values.shape[-1] == width or not dist.is_initialized():
        return values
    parts = [torch.empty_like(values) for _ in range(width // values.shape[-1])]
    dist.all_gather(parts, values.contiguous())
    return torch.cat(parts, dim=-1)


def own_part(values: Tensor, width: int) -> Tensor:
    """Of values for all heads side by side, those of the heads that this process holds."""
    if values.shape[-1] == width or not dist.is_initialized():
        return values
    return values.narrow(-1, dist.get_rank() * width, width)
