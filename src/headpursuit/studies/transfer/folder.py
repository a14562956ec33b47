"""The folder of a transfer, which fills up part by part."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from headpursuit.heads import Edit
from headpursuit.studies.filling import Wording, begin_folder, check_fillable
from headpursuit.studies.transfer.config import TransferConfig

_LONGEST = 80
"""Characters of a file's name before it is a hash."""


_WORDING = Wording(
    "transfer", "it", "what is in {folder} is finished; choose another output", "{folder} holds a transfer"
)


def check_place(folder: Path, config: TransferConfig, *, resume: bool) -> None:
    """Check that a transfer can be written to a folder: that it is free, or holds the beginning of the same.

    Raises:
        FileExistsError: If it exists and `resume` is not asked for, or what is in it is finished or something else.
        ValueError: If it was begun with another config.
    """
    check_fillable(folder, _settings(config.to_json()), _settings, _WORDING, resume=resume)


def _settings(content: dict[str, Any]) -> dict[str, Any]:
    """What decides a transfer, by name."""
    return dict(content["settings"]) | {name: content[name] for name in ("model", "tasks")}


def begin(folder: Path, config: TransferConfig) -> None:
    """Make the folder, with the config in it from the first moment."""
    begin_folder(folder, config.to_json())


def file_of(edit: Edit) -> str:
    """The name of an edit's arm: its heads, or where these are many the hash of them."""
    name = "-".join(map(str, edit)) or "base"
    return name if len(name) <= _LONGEST else sha256(name.encode()).hexdigest()[:16]
