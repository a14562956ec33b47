"""Sound files of every kind as one channel at the rate that a model hears, with one clear line for what cannot be."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from headpursuit.extras import optional
from headpursuit.files.folders import files_below
from headpursuit.media.sources import Sound, SoundSource, Stored

SUFFIXES = frozenset({".aif", ".aiff", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav"})
"""Endings of sound files."""


def open_sound(source: SoundSource, rate: int) -> np.ndarray:
    """A recording as float32 of one channel, which is the mean of all, resampled where it has another rate.

    Args:
        source: A file (wav, flac, ogg, mp3 and what else libsndfile reads), a row of a data set, or sound in memory.
        rate: Frames a second that are wanted.

    Raises:
        ExtraMissing: If soundfile, or soxr for another rate, is not installed.
        FileNotFoundError: If there is no such file.
        ValueError: If it is no sound, holds none, or holds values that are no numbers.
    """
    name = _name(source)
    values, own = _read(source)
    if values.ndim not in (1, 2) or not values.size:
        raise ValueError(f"{name} holds no sound: its values have the shape {values.shape}")
    mono = values.astype(np.float32) if values.ndim == 1 else values.astype(np.float32).mean(axis=1)
    if not np.isfinite(mono).all():
        raise ValueError(f"{name} holds values that are infinite or undefined; record or convert it again")
    if own == rate:
        return np.ascontiguousarray(mono)
    return np.asarray(optional("soxr").resample(mono, own, rate), dtype=np.float32)


def sound_seconds(source: SoundSource) -> float:
    """Length of a recording, as its file's header tells it.

    Raises:
        ExtraMissing: If soundfile is not installed.
        FileNotFoundError: If there is no such file.
        ValueError: If it is no sound, or holds none.
    """
    if isinstance(source, Sound):
        _check_rate(source.rate)
        return len(source.values) / source.rate
    with _opened(source) as file:
        if not file.frames:
            raise ValueError(f"{_name(source)} is a sound file of no length; record it again, or leave it out")
        return float(file.frames / file.samplerate)


def sound_files(folder: Path) -> list[Path]:
    """All sound files of a folder and its sub-folders, known by their endings, as `files_below` finds them.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    return files_below(folder, SUFFIXES)


def check_sound(source: SoundSource, longest: float | None) -> None:
    """Refuse what `open_sound` cannot read, or is longer than so many seconds, by its header alone.

    Raises:
        ExtraMissing: If soundfile is not installed.
        FileNotFoundError: If there is no such file.
        ValueError: If it is no sound, holds none, or is too long.
    """
    seconds = sound_seconds(source)
    if longest is not None and seconds > longest:
        raise ValueError(f"{_name(source)} takes {seconds:.1f} s, but the model hears {longest:g} s at once; cut it")


def _read(source: SoundSource) -> tuple[np.ndarray, int]:
    if isinstance(source, Sound):
        _check_rate(source.rate)
        return np.asarray(source.values), source.rate
    with _opened(source) as file:
        try:
            return file.read(dtype="float32"), int(file.samplerate)
        except RuntimeError as error:
            raise ValueError(f"{_name(source)} is damaged: {_reason(error)}") from error


def _opened(source: Path | Stored) -> Any:
    soundfile, name = optional("soundfile"), _name(source)
    if isinstance(source, Path):
        _check_file(source)
    try:
        return soundfile.SoundFile(source if isinstance(source, Path) else BytesIO(source.read()))
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{name} is no sound file that can be read ({_reason(error)}); give wav, flac, ogg or mp3"
        ) from error


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a sound file")
    if not path.is_file():
        raise FileNotFoundError(f"there is no sound file {path}")
    if not path.stat().st_size:
        raise ValueError(f"{path} is empty, not a sound file")


def _name(source: SoundSource) -> str:
    if isinstance(source, Path):
        return str(source)
    return source.name if isinstance(source, Stored) else "the sound"


def _reason(error: Exception) -> str:
    """The complaint of libsndfile, without the file's name."""
    return str(error).rpartition(": ")[2].rstrip(".") or type(error).__name__


def _check_rate(rate: int) -> None:
    if rate < 1:
        raise ValueError(f"the sound has {rate} frames a second; give its rate, such as 16000")
