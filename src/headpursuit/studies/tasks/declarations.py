"""The files that declare tasks: where they are, and what may stand in them."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from headpursuit.files import read_yaml

_KEYS = (
    "name",
    "task",
    "concept",
    "judges",
    "called",
    "metric",
    "direction",
    "scorer",
    "questions",
    "target",
    "unrelated",
    "neutral",
    "rungs",
    "settings",
)
_GROUP_KEYS = (
    "data",
    "rows",
    "prompts",
    "answers",
    "fact",
    "subject",
    "split",
    "keep",
    "answers_in",
    "answers_not_in",
    "limit",
)
_RUNG_KEYS = (*_GROUP_KEYS, "task", "sibling")
SHIPPED = Path(str(files("headpursuit.studies.tasks")))
"""The folder of the tasks that come with the package."""


def declared_names() -> tuple[str, ...]:
    """Tasks that come with the package as files."""
    return tuple(sorted(file.stem for file in SHIPPED.glob("*.yaml")))


def is_declaration(name: str) -> bool:
    """True if a task is named by its file."""
    return Path(name).suffix.lower() in (".yaml", ".yml")


def declaration_file(name: str) -> Path:
    """The file that declares a task: one of one's own, or one that comes with the package."""
    return Path(name) if is_declaration(name) else SHIPPED / f"{name}.yaml"


def read_declaration(file: Path) -> dict[str, Any]:
    """A declaration as it stands in its file, with keys that are known.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no YAML mapping, or has an unknown key; the text names the keys there are.
    """
    if not file.exists():
        raise FileNotFoundError(f"there is no task file {file}")
    content = read_yaml(file)
    check_mapping(content, _KEYS, str(file))
    for group in ("target", "unrelated", "neutral"):
        if isinstance(content.get(group), Mapping):
            check_mapping(content[group], _GROUP_KEYS, f"{file}, {group}")
    if isinstance(content.get("rungs"), Mapping):
        for name, rung in content["rungs"].items():
            check_mapping(rung, _RUNG_KEYS, f"{file}, rungs, {name}")
    if not isinstance(content.get("settings", {}), Mapping):
        raise ValueError(f"{file}, settings: expected keys with values, like `controls: 19`")
    return dict(content)


def one_of(choices: Collection[str], value: Any, where: str) -> Any:
    """A value that must be one of some.

    Raises:
        ValueError: If it is not; the text names them.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{where}: {value!r} is none of {', '.join(choices)}")
    return value


def check_mapping(content: Any, known: Collection[str], where: str) -> None:
    """Check that something read has keys, and only known ones.

    Raises:
        ValueError: If it does not; the text names them.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"{where}: expected keys with values, found {type(content).__name__}")
    for key in content:
        if key not in known:
            close = get_close_matches(str(key), known, 1)
            meant = f", did you mean {close[0]}?" if close else ""
            raise ValueError(f"{where}: there is no key {key!r}{meant} (there is {', '.join(known)})")
