"""The settings of a run of lm-evaluation-harness."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from headpursuit.given import listed
from headpursuit.settings import ChatSettings, Flag, RunSettings
from headpursuit.studies.kernel import command_line

EDIT = "edit.json"
"""The file of the edit, in the folder of the results."""


@dataclass(frozen=True)
class HarnessConfig(ChatSettings, RunSettings):
    """Everything that decides what is found; saved as `config.json`."""

    model: Annotated[str, Flag("MODEL")]
    """smollm2-135m, smollava-135m (sees), a hub id, a local folder (also of an adapter), or a GGUF file."""
    tasks: tuple[str, ...]
    """Tasks as lm-eval calls them, with `*` for many, or YAML files, with commas: arc_easy,m.yaml"""
    edit: Mapping[str, Any]
    """Scales and scope, as `Edit.to_json` writes them."""
    limit: Annotated[int | None, Flag(least=1)] = None
    """Only so many items of each task, the first ones."""
    num_fewshot: Annotated[int | None, Flag(usual="what each task says", least=0)] = None
    """Examples in each prompt."""
    batch_size: Annotated[int, Flag(least=1)] = field(default=8, kw_only=True)
    """Requests per batch."""
    include_path: str | None = None
    """A folder with tasks of your own (YAML files)."""
    controls: Annotated[int, Flag(least=0)] = 3
    """Draws of random heads of the same layers."""

    def __post_init__(self) -> None:
        named = listed(self.tasks, "task", str, "a task of lm-eval, like hellaswag, or several")
        object.__setattr__(self, "tasks", named)
        super().__post_init__()


def command(config: HarnessConfig, folder: Path) -> str:
    """The command that runs it again; the edit stands in the folder."""
    edit = ["--edit", f"{folder.resolve().name}/{EDIT}"]
    return command_line("lm-eval", config, folder, extra=edit, unsaid=["edit"], again=True)
