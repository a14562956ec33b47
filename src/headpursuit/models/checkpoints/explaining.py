"""Whatever a loader raises, as one line: which file, what it looks like, what to do."""

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from huggingface_hub import try_to_load_from_cache

from headpursuit.extras import ExtraMissing
from headpursuit.models.checkpoints.damage import damage_in
from headpursuit.models.checkpoints.places import Place


@contextmanager
def explained(name: str, place: Place, revision: str | None = None, ours: Sequence[str] = ()) -> Iterator[None]:
    """Turn what loading raises into one line that says what was tried, of the same kind as the error.

    It names what was asked for, and `ours`, what else could have been.

    Raises:
        OSError: Where the loader raises one.
        ValueError: For everything else but a lack of memory or of an optional package.
    """
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, ExtraMissing):
        raise
    except Exception as error:  # loaders raise whatever a broken file makes of their code
        kind = OSError if isinstance(error, OSError) else ValueError
        raise kind(f"cannot load {name!r}{_said(error, name, place, revision, ours)}") from error


def _said(error: Exception, name: str, place: Place, revision: str | None, ours: Sequence[str]) -> str:
    folder = place.folder or _in_cache(place.source, revision)
    damage = damage_in(folder, place.gguf) if folder else ""
    if damage:
        return f": {damage}"
    first = _first_line(error)
    if isinstance(error, OSError):
        local = Path(name).expanduser().exists() or place.folder is not None
        others = " nor ".join(map(repr, ours))
        known = f"it is no local folder, no GGUF file, neither {others}, and could not be had from the hub"
        return f": {first}" if local else f": {known} ({first})"
    return f" as a language model: {first}"


def _in_cache(source: str, revision: str | None) -> Path | None:
    """The folder of a hub model that was fetched."""
    try:
        found = try_to_load_from_cache(source, "config.json", revision=revision)
    except ValueError:  # no name that the hub could know
        return None
    return Path(found).parent if isinstance(found, str) else None


def _first_line(error: Exception) -> str:
    """First line of an error; advice to switch safety off is left out."""
    if isinstance(error, pickle.UnpicklingError):
        return (
            "its .bin file holds Python objects beside weights, and reading them would run code; "
            "convert it to safetensors where you trust it"
        )
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = isinstance(error, OSError | ValueError | ImportError | RuntimeError) and lines
    first = lines[0] if told else ": ".join([type(error).__name__, *lines[:1]])
    return f"{first} {lines[1]}" if first.endswith(":") and len(lines) > 1 else first
