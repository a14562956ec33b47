"""Captures of several processes, put together: moments add up, and samples are drawn again."""

from typing import Any

import torch
import torch.distributed as dist

from headpursuit.analysis.samples import Samples
from headpursuit.heads import site_order
from headpursuit.processes import Processes
from headpursuit.pursuit import Moments


def added(processes: Processes, moments: dict[str, Moments]) -> dict[str, Moments]:
    """Moments of all processes together, in main memory."""
    here = {site: Moments(m.second.cpu(), m.total.cpu(), m.count) for site, m in moments.items()}
    if processes.count == 1:
        return here
    parts = processes.gathered({site: (m.second.shape, m.count) for site, m in here.items()})
    shapes = {site: shape for part in parts for site, (shape, _) in part.items()}
    return {site: _sum(processes.group, here.get(site), shapes[site]) for site in sorted(shapes, key=site_order)}


def merged(processes: Processes, samples: Samples, capacity: int) -> Samples:
    """A uniform sample of what all processes captured."""
    return samples if processes.count == 1 else Samples.merge(processes.gathered(samples), capacity)


def _sum(group: Any, moments: Moments | None, shape: torch.Size) -> Moments:
    zero = torch.zeros(shape, dtype=torch.float64)
    mine = moments or Moments(zero, zero[:, 0], 0)
    second, total, count = mine.second.clone(), mine.total.clone(), torch.tensor(mine.count)
    for tensor in (second, total, count):
        dist.all_reduce(tensor, group=group)
    return Moments(second, total, int(count))
