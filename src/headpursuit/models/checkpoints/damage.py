"""Damaged files of a checkpoint: pointers in place of files, files that are cut off or empty, parts that are missing.

Looked at only when loading has failed: what transformers does not read may be as it likes. The exception is a file that
it reads, and passes over without a word where it cannot.
"""

import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headpursuit.models.checkpoints.gguf_file import read_gguf
from headpursuit.models.checkpoints.gguf_tensors import one_of_parts
from headpursuit.models.checkpoints.names import some
from headpursuit.models.checkpoints.places import ADAPTER_CONFIG, WEIGHTS, Place
from headpursuit.models.checkpoints.tokenizers import TOKEN_FILES

_LFS = b"version https://git-lfs"
_WEB = (b"<!doctype", b"<html")

_GENERATION = "generation_config.json"
"""Says where answers end, among others."""

_CONFIGS = (
    "config.json",
    _GENERATION,
    ADAPTER_CONFIG,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
_OF_IMAGES = ("processor_config.json", "preprocessor_config.json")
_ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")


def damage_in(folder: Path, gguf: str = "") -> str:
    """The first file of a checkpoint, or of its one GGUF file, that cannot be what it should be, and what to do.

    Empty if none is seen.
    """
    files = [folder / gguf] if gguf else _files(folder)
    found = (_damage(file) for file in files if file.is_file())
    return next((one for one in found if one), "") or ("" if gguf else _missing_parts(folder))


def check_read_in_silence(place: Place) -> None:
    """Refuse a damaged file that transformers would go on without, so that answers end elsewhere than they should.

    Raises:
        ValueError: If there is one; the text says which, and what to do.
    """
    file = place.folder / _GENERATION if place.folder and not place.gguf else None
    if file and file.is_file() and (said := _damage(file)):
        raise ValueError(said)


def _files(folder: Path) -> list[Path]:
    """Files of a folder that are read, weights last; `.bin` files are not read beside safetensors."""
    weights = next((found for pattern in WEIGHTS if (found := sorted(folder.glob(pattern)))), [])
    indices = sorted(folder.glob("*.index.json"))
    named = [folder / name for name in (*_CONFIGS, *_OF_IMAGES, *TOKEN_FILES)]
    return [*named, *indices, *weights, *(folder / name for name in _ADAPTER_WEIGHTS)]


def _damage(file: Path) -> str:
    with file.open("rb") as content:
        start = content.read(64)
    if not start.strip():
        return f"{file} is empty; fetch it again"
    if start.startswith(_LFS):
        return f"{file} is a Git LFS pointer, not the file itself; fetch it with: git lfs pull"
    if start.lower().startswith(_WEB):
        return f"{file} is a web page, not the file itself; fetch it again, signed in if the model asks for that"
    check = _CHECKS.get(file.suffix.lower())
    reason = check(file, start) if check else ""
    return f"{file} {reason}" if reason else ""


def _json(file: Path, _start: bytes) -> str:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        return f"is no valid JSON ({error}); is it cut off? fetch it again"
    return "" if isinstance(content, dict) or "vocab" in file.name else "holds no JSON object; fetch it again"


def _safetensors(file: Path, start: bytes) -> str:
    size, length = file.stat().st_size, struct.unpack_from("<Q", start.ljust(8, b"\0"))[0]
    if start[8:9] != b"{":
        return "is no safetensors file; fetch it again"
    if size < 8 + length:
        return f"is cut off: it ends within its header, after {size:,} bytes; fetch it again"
    try:
        with file.open("rb") as content:
            header: dict[str, Any] = json.loads(content.read(8 + length)[8:])
        ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "has a damaged header; fetch it again"
    full = 8 + length + max(ends, default=0)
    return f"is cut off: {size:,} of {full:,} bytes are there; fetch it again" if size < full else ""


def _torch(file: Path, start: bytes) -> str:
    if start.startswith(b"PK"):
        if not zipfile.is_zipfile(file):
            return f"is cut off: it ends after {file.stat().st_size:,} bytes, without its table; fetch it again"
    elif start[:1] != pickle.PROTO:
        return "is no file that torch wrote; fetch it again"
    return ""


def _gguf(file: Path, _start: bytes) -> str:
    try:
        part = one_of_parts(read_gguf(file))
    except ValueError as error:
        return str(error).removeprefix(f"{file} ")
    return f"is {part}" if part else ""


_CHECKS: dict[str, Callable[[Path, bytes], str]] = {
    ".json": _json,
    ".safetensors": _safetensors,
    ".bin": _torch,
    ".gguf": _gguf,
}


def _missing_parts(folder: Path) -> str:
    """Parts of the weights that an index names and the folder lacks."""
    for index in sorted(folder.glob("*.index.json")):
        content = json.loads(index.read_text(encoding="utf-8"))
        parts = content.get("weight_map") if isinstance(content, dict) else None
        named = sorted({str(name) for name in parts.values()}) if isinstance(parts, dict) else []
        absent = [name for name in named if not (folder / name).is_file()]
        if absent:
            count = f"{len(absent)} of the {len(named)} files it names"
            return f"{index}: {count} are not there ({some(absent)}); fetch them"
    return ""
