"""Folders of results that are either whole or not there.

A folder is written beside its place, flushed, described by `manifest.json` with the SHA-256 of every file, and then
renamed. Numbers are safetensors, everything else is JSON; nothing in them can execute.
"""

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from headpursuit.files import parse_json, read_text, refuse_pointer

MANIFEST = "manifest.json"
README = "README.md"
"""The one file of a folder that its manifest does not list."""

_ANY = "folder that headpursuit wrote"


def sha256_of(path: Path) -> str:
    """Hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically: beside its place, flushed, then renamed."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    replace_file(path, lambda part: part.write_bytes(content))


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file atomically: `write` fills a file beside its place, which is flushed and then renamed.

    Raises:
        OSError: If it cannot be written, because the disk is full, say.
    """
    with _named(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        part = Path(name)
        try:
            write(part)
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.chmod(0o644)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say what could not be written where the system does not: a full disk is met with an open file."""
    try:
        yield
    except OSError as error:
        if error.strerror is None or error.filename is not None:
            raise
        raise OSError(f"{path} cannot be written: {error.strerror}") from error
    except SafetensorError as error:
        raise OSError(f"{path} cannot be written: {error}") from error


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: If it is not there.
        ValueError: If it is not JSON, or has what no result has: a key twice, half a character, lists within lists
            within lists; the text names the file.
    """
    text = read_text(path)
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not valid JSON ({error}); is it truncated?") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def refuse_existing(path: Path) -> None:
    """Fail early if a result's place is taken or cannot be made.

    Raises:
        FileExistsError: If something is there already.
        PermissionError: If the folder it belongs into cannot be written to.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists already; choose another output or remove it first")
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise PermissionError(f"{path} cannot be made: {parent} is no folder that can be written to")


def refuse_full(folder: Path, n_bytes: int, what: str) -> None:
    """Refuse a disk that is too full before anything is written.

    Args:
        folder: The folder to write in; need not exist yet.
        n_bytes: Bytes that are needed.
        what: What needs them, such as `the weights take`.

    Raises:
        OSError: Naming both sizes.
    """
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if n_bytes > free:
        raise OSError(f"{what} {n_bytes / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free at {there}")


@contextmanager
def new_folder(
    path: Path, kind: str, description: dict[str, Any], known: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """A folder to fill; it appears at `path` only when the block ends without an error.

    Args:
        path: Where the folder will be; must not exist.
        kind: What it holds, such as `capture`; checked when it is read.
        description: What `manifest.json` says beside the files' hashes.
        known: What these hashes must be, where that is known before.

    Raises:
        FileExistsError: If `path` exists.
        ValueError: If the files are not those that are known.
        OSError: If it cannot be written, because the disk is full, say.
    """
    refuse_existing(path)
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            yield partial
            found = finish_folder(partial, kind, description)
            if known is not None and found != known:
                wrong = min(name for name, _ in found.items() ^ known.items())
                raise ValueError(f"{path} was not written: {wrong} is not as its {MANIFEST} has it")
            partial.chmod(0o755)
            refuse_existing(path)
            partial.rename(path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    _flush_folder(path.parent)


def finish_folder(path: Path, kind: str, description: dict[str, Any]) -> dict[str, str]:
    """Flush every file of a folder, then describe them in its manifest: from now on the folder is whole.

    Returns:
        The hash of each file, by name.
    """
    names = (file.relative_to(path) for file in path.rglob("*") if file.is_file())
    # Names with a dot are what an interrupted write left behind.
    files = sorted(path / name for name in names if not any(part.startswith(".") for part in name.parts))
    for file in files:
        file.chmod(0o644)
        with _named(file), file.open("rb+") as content:
            os.fsync(content.fileno())
    # A README is for people, who may go on writing it.
    hashes = {file.relative_to(path).as_posix(): sha256_of(file) for file in files if file != path / README}
    write_json(path / MANIFEST, {"kind": kind, "version": 1, **description, "files": hashes})
    return hashes


def read_manifest(path: Path, kind: str | None = None, holds: Sequence[str] = ()) -> dict[str, Any]:
    """Check a folder written by `new_folder` and return its manifest.

    Args:
        path: The folder.
        kind: What it must hold; anything if None.
        holds: Files that its manifest must list.

    Raises:
        FileNotFoundError: If the folder or its manifest is missing.
        ValueError: If it holds something else, or a file is missing or was changed.
    """
    wanted = kind or _ANY
    if not path.is_dir():
        article = "an" if wanted[0] in "aeiou" else "a"
        raise FileNotFoundError(f"there is no folder {path}; expected {article} {wanted}")
    if not (path / MANIFEST).is_file():
        raise FileNotFoundError(f"{path} is no {wanted}: it has no {MANIFEST}")
    manifest = parse_manifest(read_json(path / MANIFEST), path, kind)
    for name in holds:
        if name not in manifest["files"]:
            raise ValueError(f"{path} is no {wanted} that this version can read: its {MANIFEST} lists no {name}")
    for name, expected in manifest["files"].items():
        file = path / name
        if not file.is_file():
            raise ValueError(f"{path} is incomplete: {name} is missing")
        if sha256_of(file) != expected:
            refuse_pointer(file)
            raise ValueError(f"{path} is damaged: {name} does not match its checksum; make it again")
    return manifest


def parse_manifest(content: Any, origin: Path | str, kind: str | None = None) -> dict[str, Any]:
    """Check what a manifest says of itself, and of what `kind` it is; no file is looked at.

    Raises:
        ValueError: If it describes something else, or nothing that this version can read.
    """
    wanted, found = kind or _ANY, content.get("kind") if isinstance(content, dict) else None
    # The word is printed, and may come from somebody else: nothing in it may steer a terminal.
    if not isinstance(found, str) or not found.isprintable() or (kind is not None and found != kind):
        raise ValueError(f"{origin} is no {wanted}: its {MANIFEST} says {found!r}")
    if content.get("version") != 1:
        raise ValueError(f"{origin} was written by another version of headpursuit (format {content.get('version')!r})")
    files = content.get("files")
    if not isinstance(files, dict) or not all(isinstance(sha256, str) for sha256 in files.values()):
        raise ValueError(f"{origin} is no {wanted} that this version can read: its {MANIFEST} lists no files")
    return content


@contextmanager
def understood(origin: Path | str, kind: str) -> Iterator[None]:
    """Turn a missing or unknown field, or tensors that cannot be read, into one clear line.

    Raises:
        ValueError: Naming the file and what is wrong with it.
    """
    try:
        yield
    except (KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise ValueError(f"{origin} is no {kind} that this version can read ({error})") from error


def versions(*more: str) -> dict[str, str]:
    """Versions of what computed a result; `more` packages where it needed them."""
    packages = ("headpursuit", "torch", "transformers", *more)
    return {"python": platform.python_version()} | {package: version_of(package) for package in packages}


@cache
def version_of(package: str) -> str:
    """Version of an installed package; what its metadata say is read once, since torch's are long."""
    return version(package)


def _flush_folder(path: Path) -> None:
    """Make a rename last, where the system lets folders be flushed."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
