"""Folders of results that fill up part by part, of any kind: begun with their settings, gone on with, refused."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headpursuit.storage import MANIFEST, read_json, refuse_existing, understood, write_json


@dataclass(frozen=True)
class Wording:
    """How errors speak of one kind of folder; `{folder}` stands for its path."""

    kind: str
    """`study`: what a foreign folder is not."""
    unfinished: str
    """`an unfinished study`: what --resume goes on with."""
    finished: str
    """`the study in {folder} is finished; see it with ...`"""
    begun: str = "{folder} was begun"
    """What comes before `with other settings`."""


def check_fillable(
    folder: Path, settings: Mapping[str, Any], read: Callable[[Any], Mapping[str, Any]], say: Wording, *, resume: bool
) -> None:
    """Check that a folder is free, or holds the beginning of the same.

    Args:
        folder: The folder.
        settings: What is asked for now, by name.
        read: Makes such settings of what `config.json` holds.
        say: How errors speak of it.
        resume: Whether to go on with what is in it.

    Raises:
        FileExistsError: If it exists and `resume` is not asked for, or what is in it is finished or something else.
        ValueError: If it was begun with other settings.
    """
    if not folder.exists():
        refuse_existing(folder)
        return
    if not resume:
        raise FileExistsError(
            f"{folder} exists already; choose another output, or continue {say.unfinished} with --resume"
        )
    if (folder / MANIFEST).exists():
        raise FileExistsError(say.finished.format(folder=folder))
    if not (folder / "config.json").is_file():
        raise FileExistsError(f"{folder} exists and is no {say.kind}; choose another output")
    with understood(folder / "config.json", f"{say.kind}'s config"):
        was = read(read_json(folder / "config.json"))
    changed = [f"{name} was {was.get(name)!r}, is {now!r}" for name, now in settings.items() if was.get(name) != now]
    if changed:
        raise ValueError(
            f"{say.begun.format(folder=folder)} with other settings ({'; '.join(changed)}); give those, or choose "
            "another output"
        )


def begin_folder(folder: Path, config: Mapping[str, Any]) -> Path:
    """Make a folder, with its config in it from the first moment; one that is there is left as it is."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            write_json(partial / "config.json", config)
            partial.chmod(0o755)
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return folder
