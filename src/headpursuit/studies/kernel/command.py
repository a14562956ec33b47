"""The command line that runs an experiment again, made from its settings: each is the option of its name."""

import shlex
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from headpursuit.settings import settings_in, values_of, written


def command_line(
    name: str,
    config: Any,
    folder: Path,
    *,
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
        extra: Words behind the settings that stand without a flag.
        usual: Defaults by name; by default those of the fields. What has none is always said.
        unsaid: Settings that have no flag.
        again: The command reads what is in the folder, so it needs another place to write to.
    """
    settings, values = settings_in(type(config)), values_of(config)
    arguments = [written(values[each.name]) for each in settings.values() if each.flag.argument]
    words = ["headpursuit", name, *arguments, *extra]
    for each in sorted(settings.values(), key=lambda each: each.name == "seed"):
        default = each.default if usual is None else usual.get(each.name)
        said = each.name == "seed" or default != values[each.name]
        if said and not each.flag.argument and each.name not in unsaid:
            words += _option(each.option, values[each.name])
    return shlex.join([*words, "-o", folder.resolve().name + ("-again" if again else "")])


def _option(flag: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag.removeprefix('--')}"]
    return [] if value is None else [flag, written(value)]
