"""The record of a capture so far, in memory and in the file that an interrupted one goes on from."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from headpursuit.analysis.captures import WEIGHTS, moments_from_tensors, moments_to_tensors
from headpursuit.analysis.samples import Reservoir, Samples, keys_of
from headpursuit.models import MixedBatch
from headpursuit.pursuit import Moments
from headpursuit.storage import replace_file, understood


@dataclass(eq=False)
class Recording:
    """The record of one process so far."""

    stream: str
    """The hash that tells these prompts from others; see `keys_of`."""
    capacity: int
    """Number of positions that are kept one by one."""
    n_batches: int = 0
    """Batches that need not be read again, counted over all processes."""
    n_prompts: int = 0
    """Prompts that this process has read."""
    moments: dict[str, Moments] = field(default_factory=dict)
    reservoir: Reservoir = field(init=False)

    def __post_init__(self) -> None:
        self.reservoir = Reservoir(self.capacity)

    def add(self, batch: MixedBatch) -> None:
        """Run the model over a batch.

        Raises:
            ValueError: If a head wrote infinite or undefined values.
        """
        if self.capacity:
            keys = keys_of(self.stream, batch.prompt_of, batch.position_of)
            self.reservoir.admit(batch.prompt_of, batch.position_of, keys)
        batch.read(self._receive)
        self.n_batches = batch.number + 1
        self.n_prompts += batch.n_prompts
        _check_finite(self.moments)

    def _receive(self, site: str, mixed: torch.Tensor) -> None:
        moments = Moments.of(mixed)
        self.moments[site] = self.moments[site] + moments if site in self.moments else moments
        if self.capacity:
            self.reservoir.receive(site, mixed)

    def save(self, file: Path, task: dict[str, Any]) -> None:
        """Keep the state, and what it is a state of."""
        file.parent.mkdir(parents=True, exist_ok=True)
        tensors = moments_to_tensors(self.moments) | self.reservoir.samples().to_tensors()
        counts = {
            "n_batches": self.n_batches,
            "n_prompts": self.n_prompts,
            "count": next(iter(self.moments.values())).count,
        }
        state = {name: str(count) for name, count in counts.items()}
        state |= {"task": json.dumps(task), "sha256": _sha256_of(tensors)}
        replace_file(file, lambda part: save_file(tensors, part, metadata=state))

    def restore(self, file: Path, task: dict[str, Any]) -> None:
        """Go on from a state.

        Raises:
            ValueError: If it is damaged, or the state of something else.
        """
        with _opened(file) as (state, kept):
            _check_begun_with(file, json.loads(state["task"]), task)
            tensors = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
            if state["sha256"] != _sha256_of(tensors):
                raise ValueError(_DAMAGED.format(file=file, folder=file.parent))
            self.n_batches, self.n_prompts = int(state["n_batches"]), int(state["n_prompts"])
            self.moments = moments_from_tensors(tensors, int(state["count"]))
            self.reservoir.restore(Samples.from_tensors(tensors))


_DAMAGED = "{file} is damaged, so the capture cannot go on from it; remove {folder} to begin anew"


def check_begun_with(file: Path, known: dict[str, Any]) -> None:
    """Check a state against what is known so far of what it should be of; what was recorded is not read.

    Raises:
        ValueError: If it is no state, or the state of something else.
    """
    with _opened(file) as (state, _):
        begun = json.loads(state["task"])
        _check_begun_with(file, begun, _ADDED | begun | known)


def begun_at(file: Path) -> str:
    """The date that the prompts of a state are written at; empty if their template writes none.

    Raises:
        ValueError: If it is no state.
    """
    with _opened(file) as (state, _):
        return str(json.loads(state["task"]).get("date", ""))


@contextmanager
def _opened(file: Path) -> Iterator[tuple[dict[str, str], Any]]:
    """The metadata of a state, and its tensors, of which only those that are asked for are read."""
    with understood(file, "state of an unfinished capture"):
        try:
            with safe_open(file, "pt") as kept:
                yield kept.metadata() or {}, kept
        except SafetensorError as error:
            raise ValueError(_DAMAGED.format(file=file, folder=file.parent)) from error


def _check_begun_with(file: Path, begun: dict[str, Any], now: dict[str, Any]) -> None:
    begun = _ADDED | begun
    if begun != now:
        raise ValueError(
            f"the unfinished capture in {file.parent} was begun with {_difference(begun, now)}; "
            "resume it with what it was begun with, or remove that folder"
        )


_ADDED = {"system": "", "template_args": "", "date": ""}
"""Settings that states of earlier versions lack, and what they had instead."""


def _difference(begun: dict[str, Any], now: dict[str, Any]) -> str:
    name = next((name for name in now if begun.get(name) != now[name]), "another version of headpursuit")
    if name == "prompts":
        return "other prompts"
    if name in WEIGHTS:
        return f"another {now['model']!r}, which differs in {WEIGHTS[name]}"
    return f"{name} {begun.get(name)!r}, now {now.get(name)!r}"


def _sha256_of(tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().numpy().data)
    return digest.hexdigest()


def _check_finite(moments: dict[str, Moments]) -> None:
    device = next(iter(moments.values())).second.device
    traces = [m.second.sum().to(device, non_blocking=True) for m in moments.values()]
    if torch.stack(traces).sum().isfinite():
        return
    for site, m in moments.items():
        bad = ~m.second.isfinite().all(-1).all(-1)
        if bad.any():
            head = int(bad.nonzero()[0])
            raise ValueError(f"head {site}H{head} wrote infinite or undefined values; try dtype float32")
