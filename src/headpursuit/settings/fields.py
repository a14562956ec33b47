"""A setting is declared once: by its field in a config, with its type, its default and the docstring under it.

Of these are made the option of the command line with its help, the key in files of settings, the keyword in Python, the
entry in `config.json`, and the words of the command that runs an experiment again.
"""

import ast
import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from functools import cache
from textwrap import dedent
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from headpursuit.settings.written import is_list, list_of, typed

C = TypeVar("C")


@dataclass(frozen=True)
class Flag:
    """The spelling of a setting, where name, type, default and docstring do not say all; stands in an `Annotated`."""

    argument: str = ""
    """It stands without a flag, and this for it in the usage."""
    also: str = ""
    """A further flag, such as `--scale`."""
    usual: str = ""
    """Its default in words, where the task, a file or something else decides it."""
    choices: tuple[str, ...] = ()
    """The words that it is one of."""
    least: int | None = None
    """The smallest number."""
    part_of: str = ""
    """The part it is a setting of, if it does nothing without that; see `StudyConfig`."""


@dataclass(frozen=True)
class Setting:
    """One setting of a config."""

    name: str
    kind: Any
    """Its type."""
    default: Any
    """`MISSING` if it has to be given."""
    help: str
    """Its docstring."""
    flag: Flag = Flag()

    @property
    def option(self) -> str:
        """Its flag."""
        return f"--{self.name.replace('_', '-')}"


class Settings:
    """The common part of configs: lists may be text with commas in Python too, and the least that a flag says."""

    def __post_init__(self) -> None:
        config: Any = type(self)
        for name, kind in _lists(config).items():
            object.__setattr__(self, name, list_of(kind, getattr(self, name), f"`{name}`"))
        for name, (_, _, flag) in _hints(config).items():
            value = getattr(self, name)
            if flag.least is not None and value is not None and value < flag.least:
                raise ValueError(f"`{name}` is {value}; it must be at least {flag.least}")

    @classmethod
    def upgraded(cls, content: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of older files, where lists are text with commas."""
        config: Any = cls
        lists = _lists(config)
        return {
            name: list(list_of(lists[name], value, name)) if name in lists and isinstance(value, str) else value
            for name, value in content.items()
        }


def settings_in(config: type) -> dict[str, Setting]:
    """All settings by name: those of a config inside stand behind the others, which come first where both have one."""
    found = {setting.name: setting for setting in _own_settings(config)}
    for _, default in _inner(config):
        now = {field.name: getattr(default, field.name) for field in fields(default)}
        for name, setting in settings_in(type(default)).items():
            found.setdefault(name, replace(setting, default=now[name]))
    return found


def values_of(config: Any) -> dict[str, Any]:
    """The value of every setting by name, as `settings_in` names them."""
    own = {field.name: getattr(config, field.name) for field in fields(config)}
    inside = {name: value for each in own.values() if is_dataclass(each) for name, value in values_of(each).items()}
    return inside | {name: value for name, value in own.items() if not is_dataclass(value)}


def config_of(config: type[C], given: Mapping[str, Any], where: str = "") -> C:
    """A config of its settings by name; those of a config inside may stand among the others, or in it as it is.

    Args:
        config: The class.
        given: Settings that are not the default, as Python has them, or as they were written by hand.
        where: Where they were written, if they were.

    Raises:
        ValueError: If there is no such setting, or it cannot be.
    """
    return config(**arguments_of(config, given, where))


def arguments_of(config: type, given: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """The keywords that `config_of` makes a config with."""
    found, names = known(config, given, where), {field.name for field in fields(config)}
    for name, default in _inner(config):
        own = {field.name: found[field.name] for field in fields(default) if field.name in found}
        if name in found and own.keys() - names:
            raise ValueError(
                f"{', '.join(own.keys() - names)} stands beside `{name}`; give it in that, or leave that out"
            )
        if name not in found and own:
            found[name] = replace(default, **own)
    return {name: found[name] for name in found if name in names}


def known(config: type, given: Mapping[str, Any], where: str = "", besides: Collection[str] = ()) -> dict[str, Any]:
    """Settings of a config as their types, by the names of their fields; a dash may stand in place of a line below.

    Args:
        config: The class.
        given: As Python has them, or as they were written by hand.
        where: Where they were written, if they were.
        besides: Those that are not to be among them.

    Raises:
        ValueError: If there is no such setting, or one is of another type.
    """
    kinds = {name: setting.kind for name, setting in settings_in(config).items() if name not in besides}
    inside = {name: type(default) for name, default in _inner(config)}
    found = {}
    for key, value in given.items():
        name = str(key).replace("-", "_")
        if name in inside and isinstance(value, inside[name]):
            found[name] = value
            continue
        if name not in kinds:
            close = get_close_matches(name, kinds, 1)
            meant = f"; did you mean {close[0]}?" if close else f"; there is {', '.join(sorted(kinds))}"
            raise ValueError(f"{where}{': ' if where else ''}there is no setting {key!r}{meant}")
        found[name] = typed(kinds[name], value, f"{where}, {key}" if where else f"`{name}`")
    return found


def _own_settings(config: type) -> Iterator[Setting]:
    docs, hints = _docstrings(config), _hints(config)
    # What is shared with other configs stands behind what is its own.
    for name in sorted(hints, key=lambda name: name not in config.__annotations__):
        kind, field, flag = hints[name]
        if not is_dataclass(kind):
            default = field.default if field.default_factory is MISSING else field.default_factory()
            yield Setting(name, kind, default, docs.get(name, ""), flag)


def _inner(config: type) -> Iterator[tuple[str, Any]]:
    """The configs inside one, each with its default."""
    for name, (kind, field, _) in _hints(config).items():
        if is_dataclass(kind):
            yield name, field.default if field.default_factory is MISSING else field.default_factory()


@cache
def _hints(config: Any) -> dict[str, tuple[Any, "Field[Any]", Flag]]:
    """The type, field and flag of each."""
    found = {}
    for field in fields(config):
        hint = get_type_hints(config, include_extras=True)[field.name]
        kind, *more = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        found[field.name] = kind, field, next((each for each in more if isinstance(each, Flag)), Flag())
    return found


@cache
def _lists(config: Any) -> dict[str, type]:
    """The lists of texts or numbers, each with the type of what is in it."""
    return {name: get_args(kind)[0] for name, (kind, *_) in _hints(config).items() if is_list(kind)}


@cache
def _docstrings(config: Any) -> dict[str, str]:
    """The docstring under each field, also of the classes below it."""
    found: dict[str, str] = {}
    bases: list[Any] = [each for each in config.__mro__ if is_dataclass(each)]
    for base in reversed(bases):
        try:
            (tree,) = ast.parse(dedent(inspect.getsource(base))).body
        except OSError:  # a program that was packed without its source has no help
            return {}
        assert isinstance(tree, ast.ClassDef)
        for line, below in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(line, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(line.target, ast.Name):
                text = below.value.value if isinstance(below.value, ast.Constant) else None
                found |= {line.target.id: " ".join(text.split())} if isinstance(text, str) else {}
    return found
