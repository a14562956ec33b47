"""Load the model, or the capture and its model, that a command asks for."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from headpursuit.cli.console import notes

if TYPE_CHECKING:
    from headpursuit.analysis import Capture
    from headpursuit.models import LanguageModel


_anatomy: Path | None = None
"""The anatomy given before the command's name: it holds for every model that the command loads."""


def hand_in(anatomy: Path | None) -> Path | None:
    """Take an anatomy for the models that a command loads; None: their heads are looked for."""
    global _anatomy
    _anatomy = anatomy
    return anatomy


def open_model(name: str, *, anatomy: str = "", **options: Any) -> "LanguageModel":
    """`models.load` for a terminal: without transformers' own bars, and with a word before a long download."""
    from headpursuit.models import (
        DEMO_VLM,
        EMBEDDED,
        WHISPER_BASE,
        embedded_is_cached,
        load,
        quiet,
        whisper_base_is_cached,
    )

    quiet()
    if name in (EMBEDDED, DEMO_VLM) and not embedded_is_cached():
        notes.print(f"fetching {EMBEDDED} once (93 MB, then half a minute of unpacking)")
    if name == WHISPER_BASE and not whisper_base_is_cached():
        notes.print(f"fetching {WHISPER_BASE} once (150 MB)")
    return load(name, anatomy=anatomy or _anatomy, **options)


def open_captured(
    path: Path, model: str | None, device: str, dtype: str, device_map: str | None, revision: str | None = None
) -> "tuple[Capture, LanguageModel]":
    """A capture and the model it was made with."""
    from headpursuit.analysis import Capture

    captured = Capture.load(path)
    name = model or captured.identity.model
    if revision is None and model is None:
        revision = captured.identity.revision
    try:
        wanted = captured.identity.dtype if dtype == "auto" else dtype
        return captured, open_model(name, device=device, dtype=wanted, revision=revision, device_map=device_map)
    except OSError as error:
        raise OSError(
            f"{error}; the capture was made with {captured.identity.model!r}: say where it is with --model"
        ) from error
