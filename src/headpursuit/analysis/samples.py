"""Some of the captured positions, kept one by one: a uniform sample of all that came by.

Every position draws a number from its prompt and its place (Vitter's reservoir by random keys), and the positions with
the smallest numbers stay. So what stays does not depend on the order of batches, on how many processes share the
prompts, or on an interruption; and the samples of two captures merge into a uniform sample of both.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Samples:
    """Mixed values of single positions, in order of prompts and positions."""

    mixed: dict[str, Float[Tensor, "n_samples n_heads d_head"]]
    """By site, such as `L12`; float32."""
    prompt_of: Int[Tensor, " n_samples"]
    """Number of the prompt of each sample."""
    position_of: Int[Tensor, " n_samples"]
    """Position of each sample's token, counted from its prompt's first token."""
    keys: Int[Tensor, " n_samples"]
    """The number each position drew; the smallest stayed."""

    def __len__(self) -> int:
        return len(self.keys)

    def to_tensors(self) -> dict[str, Tensor]:
        """As named tensors, for a file."""
        mixed = {f"mixed.{site}": values.contiguous() for site, values in self.mixed.items()}
        return mixed | {"prompt_of": self.prompt_of, "position_of": self.position_of, "keys": self.keys}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "Samples":
        """The reverse of `to_tensors`."""
        mixed = {name.removeprefix("mixed."): values for name, values in tensors.items() if name.startswith("mixed.")}
        return cls(mixed, tensors["prompt_of"], tensors["position_of"], tensors["keys"])

    @classmethod
    def merge(cls, parts: Sequence["Samples"], capacity: int) -> "Samples":
        """The samples with the smallest keys of several captures."""
        parts = [part for part in parts if len(part) > 0] or list(parts[:1])
        keys, prompt_of, position_of = (
            torch.cat([getattr(part, name) for part in parts]) for name in ("keys", "prompt_of", "position_of")
        )
        kept = keys.argsort(stable=True)[:capacity]
        kept = kept[np.lexsort((position_of[kept].numpy(), prompt_of[kept].numpy()))]
        mixed = {site: torch.cat([part.mixed[site] for part in parts])[kept] for site in parts[0].mixed}
        return cls(mixed, prompt_of[kept], position_of[kept], keys[kept])


class Reservoir:
    """Samples while they are being collected, on the devices they come from."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._keys, self._prompt_of, self._position_of = (torch.empty(0, dtype=torch.int64) for _ in range(3))
        self._mixed: dict[str, Tensor] = {}
        self._slots = self._rows = torch.empty(0, dtype=torch.int64)
        self._moved: dict[torch.device, tuple[Tensor, Tensor]] = {}
        """Rows and slots of the current batch, by device: one copy for all its sites."""

    def admit(self, prompt_of: Sequence[int], position_of: Sequence[int], keys: Int[Tensor, " n_positions"]) -> None:
        """Decide which positions of a batch stay, and in whose place; `receive` then brings their values."""
        n_old = len(self._keys)
        everything = torch.cat([self._keys, keys])
        kept = everything.argsort(stable=True)[: self._capacity]
        self._rows = kept[kept >= n_old].sort().values - n_old
        leaving = torch.ones(n_old, dtype=torch.bool)
        leaving[kept[kept < n_old]] = False
        fresh = torch.arange(n_old, n_old + len(self._rows))
        self._slots = torch.cat([leaving.nonzero()[:, 0], fresh])[: len(self._rows)]
        self._moved.clear()
        for name, values in (("_keys", keys), ("_prompt_of", prompt_of), ("_position_of", position_of)):
            setattr(self, name, _put(getattr(self, name), self._slots, torch.as_tensor(values)[self._rows], len(kept)))

    def receive(self, site: str, mixed: Float[Tensor, "n_positions n_heads d_head"]) -> None:
        """Take what stays of a site's batch."""
        if len(self._rows) == 0 and site in self._mixed:
            return
        if mixed.device not in self._moved:
            self._moved[mixed.device] = self._rows.to(mixed.device), self._slots.to(mixed.device)
        rows, slots = self._moved[mixed.device]
        values = mixed.index_select(0, rows)
        earlier = self._mixed.get(site, values[:0]).to(mixed.device)
        self._mixed[site] = _put(earlier, slots, values, len(self._keys))

    def samples(self) -> Samples:
        """The samples that stayed so far."""
        mixed = {site: values.float().cpu() for site, values in self._mixed.items()}
        return Samples.merge([Samples(mixed, self._prompt_of, self._position_of, self._keys)], self._capacity)

    def restore(self, samples: Samples) -> None:
        """Go on from what stayed earlier."""
        self._keys, self._prompt_of, self._position_of = samples.keys, samples.prompt_of, samples.position_of
        self._mixed = dict(samples.mixed)


def _put(values: Tensor, slots: Int[Tensor, " n"], new: Tensor, length: int) -> Tensor:
    """Values with new ones in some slots, made longer where slots are beyond the end."""
    if length > len(values):
        values = torch.cat([values, values.new_empty(length - len(values), *values.shape[1:])])
    values[slots] = new.to(values)
    return values


def keys_of(stream: str, prompt_of: Sequence[int], position_of: Sequence[int]) -> Int[Tensor, " n_positions"]:
    """The numbers that positions draw: each from its prompt's number and its place, by splitmix64.

    Args:
        stream: What tells these prompts from others, so that captures of other prompts draw independently.
        prompt_of: Number of each position's prompt.
        position_of: Position within the prompt.
    """
    start = int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest(), "big")
    z = _mix(np.array(prompt_of, dtype=np.uint64) + np.uint64(start))
    mixed = _mix(z + np.array(position_of, dtype=np.uint64))
    return torch.from_numpy(mixed.view(np.int64))


def _mix(values: np.ndarray) -> np.ndarray:
    """The finalizer of splitmix64: neighbouring numbers become unrelated ones."""
    z = values + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
