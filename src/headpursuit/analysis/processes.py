"""Several processes that share one capture (`accelerate launch`, `torchrun`)."""

import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

from headpursuit.analysis.samples import Samples
from headpursuit.heads import site_order
from headpursuit.models import LanguageModel, is_sharded
from headpursuit.pursuit import Moments


@dataclass(frozen=True)
class Processes:
    """This process among all of them."""

    rank: int = 0
    """Number of this process; the first one writes what all of them made."""
    index: int = 0
    """The share of the prompts that is its own."""
    count: int = 1
    """Number of shares."""
    group: Any = None

    @classmethod
    def of(cls, model: LanguageModel) -> "Processes":
        """As the launcher says. Processes that hold one model together (`tp_plan`) all read every prompt."""
        count = int(os.environ.get("WORLD_SIZE", 1))
        if count == 1:
            return cls()
        if not dist.is_initialized():
            dist.init_process_group("gloo")
        rank = dist.get_rank()
        # What is added up lies in main memory, whatever the processes compute on.
        group = dist.new_group(backend="gloo")
        return cls(rank, 0, 1, group) if is_sharded(model.network) else cls(rank, rank, count, group)

    @property
    def saves(self) -> bool:
        """True if this process keeps the state of its share; of processes with one share, the first one does."""
        return self.count > 1 or self.rank == 0

    def wait(self) -> None:
        """Until all processes are here."""
        if self.group is not None:
            dist.barrier(self.group)

    def agreed(self, text: str) -> str:
        """A value of the first process, in all of them."""
        said = [text]
        if self.group is not None:
            dist.broadcast_object_list(said, src=0, group=self.group)
        return said[0]

    def add(self, moments: dict[str, Moments]) -> dict[str, Moments]:
        """Moments of all processes together, in main memory."""
        here = {site: Moments(m.second.cpu(), m.total.cpu(), m.count) for site, m in moments.items()}
        if self.count == 1:
            return here
        parts: list[Any] = [None] * self.count
        dist.all_gather_object(parts, {site: (m.second.shape, m.count) for site, m in here.items()}, self.group)
        shapes = {site: shape for part in parts for site, (shape, _) in part.items()}
        return {site: self._sum(here.get(site), shapes[site]) for site in sorted(shapes, key=site_order)}

    def _sum(self, moments: Moments | None, shape: torch.Size) -> Moments:
        zero = torch.zeros(shape, dtype=torch.float64)
        mine = moments or Moments(zero, zero[:, 0], 0)
        second, total, count = mine.second.clone(), mine.total.clone(), torch.tensor(mine.count)
        for tensor in (second, total, count):
            dist.all_reduce(tensor, group=self.group)
        return Moments(second, total, int(count))

    def merge(self, samples: Samples, capacity: int) -> Samples:
        """A uniform sample of what all processes captured."""
        if self.count == 1:
            return samples
        parts: list[Any] = [None] * self.count
        dist.all_gather_object(parts, samples, self.group)
        return Samples.merge(parts, capacity)
