"""Capture: run the model over prompts and record every head, batch by batch, in constant memory.

A long capture keeps its state in a hidden folder beside its output, and goes on from there after an interruption, with
the same bytes at the end. Several processes (`accelerate launch`, `torchrun`) share the batches and add up.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from headpursuit.analysis.captures import (
    Capture,
    CaptureConfig,
    Identity,
    moments_from_tensors,
    moments_to_tensors,
)
from headpursuit.analysis.processes import Processes
from headpursuit.analysis.samples import Reservoir, Samples, keys_of
from headpursuit.models import LanguageModel, MixedBatch, identify, read_mixed
from headpursuit.pursuit import Moments
from headpursuit.storage import refuse_existing, replace_file, understood, versions

CHECKPOINT_SECONDS = 30.0
"""How often a capture to disk keeps its state."""


@dataclass
class _Recording:
    """What was recorded so far, by one process."""

    stream: str
    capacity: int
    n_batches: int = 0
    """Batches that need not be read again, counted over all processes."""
    moments: dict[str, Moments] = field(default_factory=dict)
    reservoir: Reservoir = field(init=False)

    def __post_init__(self) -> None:
        self.reservoir = Reservoir(self.capacity)

    def add(self, batch: MixedBatch) -> None:
        if self.capacity:
            keys = keys_of(self.stream, batch.prompt_of, batch.position_of)
            self.reservoir.admit(batch.prompt_of, batch.position_of, keys)
        batch.read(self._receive)
        self.n_batches = batch.number + 1
        _check_finite(self.moments)

    def _receive(self, site: str, mixed: torch.Tensor) -> None:
        moments = Moments.of(mixed)
        self.moments[site] = self.moments[site] + moments if site in self.moments else moments
        if self.capacity:
            self.reservoir.receive(site, mixed)

    def save(self, file: Path, task: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        tensors = moments_to_tensors(self.moments) | self.reservoir.samples().to_tensors()
        count = next(iter(self.moments.values())).count
        state = {"task": task, "n_batches": str(self.n_batches), "count": str(count), "sha256": _sha256_of(tensors)}
        replace_file(file, lambda part: save_file(tensors, part, metadata=state))

    def restore(self, file: Path, task: str) -> None:
        with understood(file, "state of an unfinished capture"):
            state, tensors = _read(file)
            if state["task"] != task:
                raise ValueError(
                    f"the unfinished capture in {file.parent} was begun with {_difference(state['task'], task)}; "
                    "resume it with what it was begun with, or remove that folder"
                )
            if state["sha256"] != _sha256_of(tensors):
                raise ValueError(_DAMAGED.format(file=file, folder=file.parent))
            self.n_batches = int(state["n_batches"])
            self.moments = moments_from_tensors(tensors, int(state["count"]))
            self.reservoir.restore(Samples.from_tensors(tensors))


_DAMAGED = "{file} is damaged, so the capture cannot go on from it; remove {folder} to begin anew"


def _read(file: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    try:
        with safe_open(file, "pt") as kept:
            return kept.metadata() or {}, {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(_DAMAGED.format(file=file, folder=file.parent)) from error


def _sha256_of(tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().numpy().data)
    return digest.hexdigest()


def capture(
    model: LanguageModel,
    prompts: Collection[str],
    config: CaptureConfig | None = None,
    *,
    output: Path | str | None = None,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Capture:
    """Record every head's mixed values over prompts.

    Under `torchrun` or `accelerate launch` the processes share the prompts; every one of them returns the whole
    capture, and the first writes it.

    Args:
        model: The model.
        prompts: The texts: a list, or what `read_prompts` returns, which reads a file as it goes.
        config: Positions and the like; see `CaptureConfig`.
        output: A folder to write. What was recorded is kept beside it every 30 seconds until it is there.
        resume: Go on with an interrupted capture to `output`. It ends with the same bytes as an uninterrupted one.
        progress: Called after each batch with the prompts done and all prompts.

    Raises:
        ValueError: If the prompts cannot be read, nothing was captured, a head wrote infinite or undefined values, or
            `resume` finds a capture of other prompts, another model or other settings.
        FileExistsError: If `output` exists, or an unfinished capture to it and `resume` was not asked for.
        AnatomyError: If the model's heads cannot be certified.
    """
    config, processes = config or CaptureConfig(), Processes.of(model)
    identity = identify(model)
    stream = _sha256_of_prompts(prompts)
    task = json.dumps({**asdict(identity), **asdict(config), "prompts": stream, "processes": processes.count})
    recording = _Recording(stream, config.samples)
    state = _state_folder(output, resume)
    processes.wait()  # before any of them writes what the others would take for an earlier run's
    file = state / f"{processes.index}.safetensors" if state else None
    if file and file.exists():
        recording.restore(file, task)
    processes.wait()
    saved = time.monotonic()
    for batch in _batches(model, prompts, config, recording.n_batches, processes):
        recording.add(batch)
        if file and processes.saves and time.monotonic() - saved >= CHECKPOINT_SECONDS:
            recording.save(file, task)
            saved = time.monotonic()
        if progress:
            progress(min(recording.n_batches * config.batch_size, len(prompts)), len(prompts))
    captured = _finished(recording, config, identity, len(prompts), processes)
    processes.wait()
    if output and state and processes.rank == 0:
        captured.save(output)
        shutil.rmtree(state, ignore_errors=True)
    processes.wait()
    return captured


def _batches(
    model: LanguageModel, prompts: Collection[str], config: CaptureConfig, done: int, processes: Processes
) -> Any:
    return read_mixed(
        model,
        prompts,
        config.positions,
        batch_size=config.batch_size,
        chat=config.chat,
        max_new_tokens=config.max_new_tokens,
        wanted=lambda number: number >= done and number % processes.count == processes.index,
    )


def _state_folder(output: Path | str | None, resume: bool) -> Path | None:
    if output is None:
        if resume:
            raise ValueError("resume goes on with an interrupted capture to an output; name the output")
        return None
    path = Path(output)
    refuse_existing(path)
    folder = path.parent / f".{path.name}.unfinished"
    if folder.exists() and not resume:
        raise FileExistsError(
            f"a capture to {path} was interrupted; go on with it (--resume), or remove {folder} to begin anew"
        )
    return folder


def _finished(
    recording: _Recording, config: CaptureConfig, identity: Identity, n_prompts: int, processes: Processes
) -> Capture:
    moments = processes.add(recording.moments)
    if not moments or next(iter(moments.values())).count == 0:
        raise ValueError("nothing was captured: the model's answers are empty; capture prompt positions instead")
    samples = processes.merge(recording.reservoir.samples(), config.samples) if config.samples else None
    return Capture(moments, samples, config, identity, n_prompts, versions())


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


def _sha256_of_prompts(prompts: Collection[str]) -> str:
    digest = hashlib.sha256()
    for prompt in prompts:
        digest.update(f"{len(prompt)} {prompt}".encode())
    return digest.hexdigest()


def _difference(one: str, other: str) -> str:
    before, now = json.loads(one), json.loads(other)
    name = next((name for name in now if before.get(name) != now[name]), "another version of headpursuit")
    if name == "prompts":
        return "other prompts"
    return f"{name} {before.get(name)!r}, now {now.get(name)!r}"
