"""Tasks of lm-evaluation-harness, found by name and loaded with their data."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from headpursuit.extras import optional
from headpursuit.given import listed
from headpursuit.heads import Edit


@dataclass(frozen=True)
class HarnessTasks:
    """Tasks that were loaded once, to be asked several times."""

    specs: tuple[Any, ...]
    """The tasks and groups that were named, as lm-eval's objects."""
    tasks: tuple[Any, ...]
    """Every single task, also those inside groups."""
    manager: Any
    """lm-eval's list of all its tasks, which takes seconds to make."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the single tasks."""
        return tuple(task.task_name for task in self.tasks)

    def check_scope(self, edit: Edit) -> None:
        """Refuse an edit that acts at some positions only, where lm-eval does not say which positions those are.

        Raises:
            ValueError: If a task compares likelihoods and the edit's scope is not `all`.
        """
        if edit.scope == "all":
            return
        for task in self.tasks:
            if task.OUTPUT_TYPE != "generate_until":
                scope = ",".join(map(str, edit.scope)) if isinstance(edit.scope, tuple) else edit.scope
                raise ValueError(
                    f"the edit's scope is {scope!r}, but {task.task_name} compares likelihoods: lm-eval reads a prompt "
                    "and its answer in one pass and does not say where the answer begins; give the edit the scope "
                    "'all', or name only tasks that generate their answers"
                )


def harness_tasks(names: Iterable[str], include_path: Path | str | None = None) -> HarnessTasks:
    """Load tasks with their data, which lm-eval fetches where they are not local.

    Args:
        names: Tasks, groups or tags as lm-eval calls them, with `*` for many, or YAML files.
        include_path: A folder with further tasks (YAML files), searched with its subfolders.

    Raises:
        ExtraMissing: If lm-eval is not installed.
        FileNotFoundError: If the folder is missing.
        ValueError: If a task is unknown (similar names are given) or cannot be loaded.
    """
    optional("lm_eval")
    from lm_eval.tasks import TaskManager

    names = listed(names, "task", str, "at least one task of lm-eval, like hellaswag")
    if include_path is not None and not Path(include_path).is_dir():
        raise FileNotFoundError(f"there is no folder {include_path} with tasks")
    manager = TaskManager(include_path=None if include_path is None else str(include_path))
    found = [match for name in names for match in _matching(manager, name)]
    try:
        loaded = manager.load(list(dict.fromkeys(found)))
    except Exception as error:  # whatever a task's file, its code or the data set's hub raise
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(f"cannot load {', '.join(names)} from lm-eval: {reason}") from error
    groups = loaded.get("groups", {})
    inside = {child for group in groups.values() for child in group.child_names}
    specs = (spec for name, spec in (groups | loaded["tasks"]).items() if name not in inside)
    return HarnessTasks(tuple(specs), tuple(loaded["tasks"].values()), manager)


def _matching(manager: Any, name: str) -> list[str]:
    matches: list[str] = manager.match_tasks([name])
    if matches or Path(name).is_file():
        return matches or [name]
    similar = get_close_matches(name, manager.all_tasks, n=3, cutoff=0.5)
    hint = f"similar: {', '.join(similar)}; " if similar else ""
    raise ValueError(
        f"lm-eval knows no task {name!r}; {hint}tasks of your own are YAML files, named by their path or found in the "
        "folder of `include_path`"
    )
