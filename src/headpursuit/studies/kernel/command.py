"""The command line that runs an experiment again, made from its settings: each field is the option of its name."""

import shlex
from collections.abc import Container, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any


def settings_of(config: Any) -> dict[str, Any]:
    """Every setting by name; those of a dataclass inside stand behind the others, which come first where both have one.

    Args:
        config: A dataclass; of the class itself, the defaults of the fields that have them.
    """
    if isinstance(config, type):
        given = {f.name: f.default if f.default_factory is MISSING else f.default_factory() for f in fields(config)}
    else:
        given = {f.name: getattr(config, f.name) for f in fields(config)}
    own = {name: value for name, value in given.items() if value is not MISSING and not is_dataclass(value)}
    inside = [settings_of(value) for value in given.values() if is_dataclass(value) and not isinstance(value, type)]
    return own | {name: value for some in inside for name, value in some.items() if name not in own}


def command_line(
    name: str,
    config: Any,
    folder: Path,
    *,
    arguments: Sequence[str],
    extra: Sequence[str] = (),
    usual: Mapping[str, Any] | None = None,
    unsaid: Container[str] = (),
    again: bool = False,
) -> str:
    """A command line, for the folder that holds the results, with the seed and every setting that is not the default.

    Args:
        name: The command's.
        config: The settings.
        folder: Of the results.
        arguments: The settings that stand without a flag, in their order.
        extra: Words behind them.
        usual: Defaults by name; by default those of the fields. What has none is always said.
        unsaid: Settings that have no flag.
        again: The command reads what is in the folder, so it needs another place to write to.
    """
    settings, defaults = settings_of(config), settings_of(type(config)) if usual is None else usual
    if "seed" in settings:
        settings["seed"] = settings.pop("seed")
    words = ["headpursuit", name, *(_text(settings[each]) for each in arguments), *extra]
    for field, value in settings.items():
        said = field == "seed" or field not in defaults or defaults[field] != value
        if said and field not in arguments and field not in unsaid:
            words += _option(field, value)
    return shlex.join([*words, "-o", folder.resolve().name + ("-again" if again else "")])


def _option(field: str, value: Any) -> list[str]:
    flag = field.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [] if value is None else [f"--{flag}", _text(value)]


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
