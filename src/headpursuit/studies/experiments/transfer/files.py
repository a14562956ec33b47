"""Tasks as a user names them: by name, as a study's YAML file, or as a file that lists several."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headpursuit.files import read_yaml
from headpursuit.studies.experiments.transfer.config import TransferTask

_ENDINGS = (".yaml", ".yml", ".json")
_PATHS = ("task", "data", "concept")
"""Keys whose value may be a file or a folder beside the file that names it."""


def read_tasks(names: Sequence[str]) -> tuple[tuple[TransferTask, ...], dict[str, Any]]:
    """The tasks that some words name, and the settings that come with them.

    Args:
        names: Each the name of a task, `TASK:DATA`, a study's YAML file, or a file with `tasks: [{task: ...}, ...]` and
            perhaps `settings:`, as `transfer` writes it itself (`config.json`).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file cannot be read, or says what no task can have.
    """
    tasks: list[TransferTask] = []
    settings: dict[str, Any] = {}
    for name in names:
        if not name.lower().endswith(_ENDINGS):
            task, _, data = name.partition(":")
            tasks.append(TransferTask.from_row({"task": task} | ({"data": data} if data else {})))
            continue
        content = _content(Path(name))
        if "tasks" not in content:
            tasks.append(TransferTask.from_row({"task": name}))
            continue
        tasks += _listed(Path(name), content["tasks"])
        settings |= _settings(name, content)
    return tuple(tasks), settings


def _content(path: Path) -> Mapping[str, Any]:
    content = read_yaml(path)
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} holds no settings; it should have keys, like tasks: [{{task: countries-qa}}]")
    return content


def _settings(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(map(str, set(content) - {"tasks", "settings", "model"}))
    if unknown:
        raise ValueError(f"{name} has an unknown key {unknown[0]!r}; it has tasks and settings")
    settings = content.get("settings") or {}
    if not isinstance(settings, Mapping):
        raise ValueError(f"the settings in {name} are {settings!r}; write them as keys, like heads: 2")
    return dict(settings)


def _listed(path: Path, rows: Any) -> list[TransferTask]:
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError(f"the tasks in {path} are no list of rows; write - task: countries-qa, one for each")
    found = []
    for number, row in enumerate(rows, start=1):
        try:
            found.append(TransferTask.from_row({key: _beside(path, key, value) for key, value in row.items()}))
        except ValueError as error:
            raise ValueError(f"{path}, task {number}: {error}") from error
    return found


def _beside(path: Path, key: str, value: Any) -> Any:
    """A file or folder that is named from the place of the file that names it."""
    if key in _PATHS and isinstance(value, str) and (path.parent / value).exists():
        return str(path.parent / value)
    return value
