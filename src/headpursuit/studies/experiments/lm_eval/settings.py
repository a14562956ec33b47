"""The settings of a run of lm-evaluation-harness."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headpursuit.given import listed
from headpursuit.models import ChatSettings
from headpursuit.studies.kernel import command_line

EDIT = "edit.json"
"""The file of the edit, in the folder of the results."""


@dataclass(frozen=True)
class HarnessConfig(ChatSettings):
    """Everything that decides what is found; saved as `config.json`."""

    model: str
    tasks: tuple[str, ...]
    """As lm-eval calls them, with `*` for many, or YAML files."""
    edit: Mapping[str, Any]
    """Scales and scope, as `Edit.to_json` writes them."""
    limit: int | None = None
    """Only so many items of each task, the first ones; all if None."""
    num_fewshot: int | None = None
    """Examples in each prompt; what each task says if None."""
    batch_size: int = 8
    include_path: str | None = None
    """A folder with further tasks."""
    controls: int = 3
    """Draws of random heads of the edit's layers."""
    seed: int = 0
    """Of the draws and the resampling; what lm-eval draws has lm-eval's own seeds."""
    device: str = "auto"
    dtype: str = "auto"
    revision: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        named = listed(self.tasks, "task", str, "a task of lm-eval, like hellaswag, or several")
        object.__setattr__(self, "tasks", named)
        smallest = {"limit": 1, "num_fewshot": 0, "batch_size": 1, "controls": 0}
        for name, least in smallest.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"--{name.replace('_', '-')} is {value}; it must be {least} or more")


def command(config: HarnessConfig, folder: Path) -> str:
    """The command that runs it again; the edit stands in the folder."""
    edit = ["--edit", f"{folder.resolve().name}/{EDIT}"]
    return command_line("lm-eval", config, folder, arguments=["model"], extra=edit, unsaid=["edit"], again=True)
