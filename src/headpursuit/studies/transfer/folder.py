"""The folder of a transfer, which fills up part by part."""

import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

from headpursuit.heads import Edit
from headpursuit.storage import MANIFEST, read_json, refuse_existing, understood, write_json
from headpursuit.studies.transfer.config import TransferConfig

_LONGEST = 80
"""Characters of a file's name before it is a hash."""


def check_place(folder: Path, config: TransferConfig, *, resume: bool) -> None:
    """Check that a transfer can be written to a folder: that it is free, or holds the beginning of the same.

    Raises:
        FileExistsError: If it exists and `resume` is not asked for, or what is in it is finished or something else.
        ValueError: If it was begun with another config.
    """
    if not folder.exists():
        refuse_existing(folder)
        return
    if not resume:
        raise FileExistsError(f"{folder} exists already; choose another output, or continue it with --resume")
    if (folder / MANIFEST).exists():
        raise FileExistsError(f"what is in {folder} is finished; choose another output")
    if not (folder / "config.json").is_file():
        raise FileExistsError(f"{folder} exists and is no transfer; choose another output")
    with understood(folder / "config.json", "transfer's config"):
        begun = read_json(folder / "config.json")
        was, now = (dict(c["settings"]) | {k: c[k] for k in ("model", "tasks")} for c in (begun, config.to_json()))
    changed = "; ".join(f"{k} was {was.get(k)!r}, is {now[k]!r}" for k in now if was.get(k) != now[k])
    if changed:
        raise ValueError(
            f"{folder} holds a transfer with other settings ({changed}); give those, or choose another output"
        )


def begin(folder: Path, config: TransferConfig) -> None:
    """Make the folder, with the config in it from the first moment."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        write_json(partial / "config.json", config.to_json())
        partial.chmod(0o755)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def file_of(edit: Edit) -> str:
    """The name of an edit's arm: its heads, or where these are many the hash of them."""
    name = "-".join(map(str, edit)) or "base"
    return name if len(name) <= _LONGEST else sha256(name.encode()).hexdigest()[:16]
