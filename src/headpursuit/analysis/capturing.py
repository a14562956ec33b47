"""Capture: run the model over prompts and record every head, batch by batch, in constant memory.

A long capture keeps its state in a hidden folder beside its output, and goes on from there after an interruption, with
the same bytes at the end. Several processes (`accelerate launch`, `torchrun`) share the batches and add up.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from headpursuit.analysis.captures import Capture
from headpursuit.analysis.pooling import added, merged
from headpursuit.analysis.prompt_stream import sha256_of_prompts
from headpursuit.analysis.recording import Recording, begun_at, check_begun_with
from headpursuit.media import IMAGE, MODALITIES, GivenPrompts, prompt_stream
from headpursuit.models import (
    GivenModel,
    Identity,
    LanguageModel,
    MixedBatch,
    identify,
    model_of,
    processes_of,
    read_mixed,
    tell_of_frames,
)
from headpursuit.processes import Processes
from headpursuit.settings import CaptureConfig
from headpursuit.storage import refuse_existing, versions

CHECKPOINT_SECONDS = 30.0
"""Time between two states that a capture to disk keeps."""


def check_place(
    output: Path | str, model: str, prompts: GivenPrompts, config: CaptureConfig, *, resume: bool = False
) -> None:
    """Check before the model is loaded that a capture can be written to a folder, or go on to it.

    `capture` checks this too, and then the weights.

    Args:
        output: The folder.
        model: Name of the model, as given to `load`.
        prompts: The prompts.
        config: Positions and the like.
        resume: Whether it is to go on with an interrupted capture.

    Raises:
        FileExistsError: If `output` exists, or an unfinished capture to it and `resume` was not asked for.
        ValueError: If the unfinished capture is of other prompts, another model or other settings, or damaged.
    """
    state = _state_folder(output, resume)
    files = sorted(state.glob("*.safetensors")) if state else []
    known = {"model": model, **asdict(config), "prompts": sha256_of_prompts(prompt_stream(prompts))} if files else {}
    if not config.date:
        known.pop("date", None)  # it goes on with the date that it was begun with
    for file in files:
        check_begun_with(file, known)


def capture(
    model: GivenModel,
    prompts: GivenPrompts,
    config: CaptureConfig | None = None,
    *,
    output: Path | str | None = None,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
    tokenizer: Any = None,
) -> Capture:
    """Record every head's mixed values over prompts.

    Under `torchrun` or `accelerate launch` the processes share the prompts; every one of them returns the whole
    capture, and the first writes it.

    Args:
        model: What `load` returned, or a transformers model with its tokenizer.
        prompts: Texts, and texts with an image: any iterable, one alone, or what `read_prompts` returns, which reads a
            file as it goes.
        config: Positions and the like; see `CaptureConfig`.
        output: A folder to write. What was recorded is kept beside it every 30 seconds until it is there.
        resume: Go on with an interrupted capture to `output`. It ends with the same bytes as an uninterrupted one.
        progress: Called after each batch with the prompts done and all prompts; each of several processes supposes
            that the others are as far as itself.
        tokenizer: Of a transformers model: its tokenizer, or its processor if prompts hold images.

    Raises:
        FileNotFoundError: If an image is missing.
        TypeError: If one is no prompt; the text has its number.
        ValueError: If prompts or images cannot be read, nothing was captured, a head wrote infinite or undefined
            values, or `resume` finds a capture of other prompts, another model or other settings.
        FileExistsError: If `output` exists, or an unfinished capture to it and `resume` was not asked for.
        AnatomyError: If the model's heads cannot be certified.
    """
    model = model_of(model, tokenizer)
    config, processes = config or CaptureConfig(), processes_of(model)
    identity = identify(model)
    prompts = prompt_stream(prompts)
    stream = sha256_of_prompts(prompts)
    state = _state_folder(output, resume)
    config = _dated(model, config, state, processes)
    tell_of_frames(model, prompts, config.frame)
    task = {**asdict(identity), **asdict(config), "prompts": stream, "processes": processes.count}
    recording = Recording(stream, config.samples)
    processes.wait()  # before any of them writes what the others would take for an earlier run's
    file = state / f"{processes.index}.safetensors" if state else None
    if file and file.exists():
        recording.restore(file, task)
    processes.wait()
    saved = time.monotonic()

    def keep() -> None:
        if file and processes.saves and recording.n_prompts:
            recording.save(file, task)

    done = recording.n_batches
    found = read_mixed(
        model,
        prompts,
        config.positions,
        batch_size=config.batch_size,
        chat=config.frame,
        max_new_tokens=config.max_new_tokens,
        wanted=lambda number: number >= done and number % processes.count == processes.index,
    )
    for batch in _or_keep(found, keep):
        recording.add(batch)
        if time.monotonic() - saved >= CHECKPOINT_SECONDS:
            keep()
            saved = time.monotonic()
        if progress:
            progress(min(recording.n_prompts * processes.count, len(prompts)), len(prompts))
    captured = _finished(recording, config, identity, len(prompts), processes)
    processes.wait()
    if output and state and processes.rank == 0:
        captured.save(output)
        shutil.rmtree(state, ignore_errors=True)
    processes.wait()
    return captured


def _dated(model: LanguageModel, config: CaptureConfig, state: Path | None, processes: Processes) -> CaptureConfig:
    """The config with the date of all its prompts, where their template writes it: today's, or that of its state."""
    today = model.dated(config.frame)
    if today is None or today.date == config.date:
        return config
    states = sorted(state.glob("*.safetensors")) if state else []
    begun = begun_at(states[0]) if states else ""
    return replace(config, date=processes.agreed(begun or today.date))


def _or_keep(found: Iterator[MixedBatch], keep: Callable[[], None]) -> Iterator[MixedBatch]:
    """The batches; before the error of one that cannot be read (a broken image), the state is kept."""
    try:
        yield from found
    except (OSError, ValueError):
        keep()
        raise


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
            f"a capture to {path} was interrupted; go on with it (`resume=True`), or remove {folder} to begin anew"
        )
    return folder


def _finished(
    recording: Recording, config: CaptureConfig, identity: Identity, n_prompts: int, processes: Processes
) -> Capture:
    moments = added(processes, recording.moments)
    if not moments or next(iter(moments.values())).count == 0:
        lacking: dict[str, str] = {
            one.name: f"no prompt has {'an' if one is IMAGE else 'a'} {one.noun}" for one in MODALITIES
        }
        empty = lacking.get(config.positions, "the model's answers are empty")
        raise ValueError(f"nothing was captured: {empty}; capture prompt positions instead")
    samples = merged(processes, recording.reservoir.samples(), config.samples) if config.samples else None
    return Capture(moments, samples, config, identity, n_prompts, versions())
