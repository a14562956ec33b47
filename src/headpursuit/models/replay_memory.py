"""The memory that replays may take, and how many layers they keep within it."""

import math
from collections.abc import Collection
from pathlib import Path

import torch

from headpursuit.models.batches import Batch
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.replay import replay

_PART = 4
"""Replays may take the fourth part of what is free."""

_UNKNOWN = 4 * 2**30
"""Bytes that count as free where a machine does not say."""


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a device; on the CPU those of the machine, whatever a container may take of them."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    try:
        lines = Path("/proc/meminfo").read_text("utf-8").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return _UNKNOWN


def replay_memory(model: LanguageModel) -> int:
    """Bytes that replays of a model may take: the fourth part of what is free where it is."""
    return free_memory(model.device) // _PART


def layer_sizes(model: LanguageModel, batches: Collection[Batch]) -> tuple[int, int]:
    """Number of layers that replays of some batches can keep, and the bytes of one for all tokens; 0 where none can be.

    Measured on the batch of the longest prompts, since some layers give out more than the stream.
    """
    longest = max(batches, key=lambda batch: batch.input_ids.shape[1])
    read = replay(model, longest)
    if not read.n_kept:
        return 0, 0
    n_tokens = sum(batch.input_ids.numel() for batch in batches)
    return read.n_kept, math.ceil(read.n_bytes * n_tokens / (read.n_kept * longest.input_ids.numel()))


def every_within(n_layers: int, n_bytes: int, most: int) -> int:
    """The smallest distance of kept layers of so many bytes that takes no more than the most; 0 where not one fits."""
    return next((every for every in range(1, max(n_layers, 1) + 1) if n_layers // every * n_bytes <= most), 0)
