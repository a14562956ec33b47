"""JSON and YAML as they are written: nothing that stands there twice, and no half characters."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from headpursuit.files.texts import half_character, read_text

# A tenth of the time, where PyYAML was built with it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_json(text: str) -> Any:
    r"""JSON, but for what `json` would drop or let through.

    Raises:
        json.JSONDecodeError: If it is not JSON.
        ValueError: If an object has a key twice, text holds half a character (`"\ud83d"`), a number has thousands of
            digits, or it is nested too deeply.
    """
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except RecursionError as error:
        raise ValueError("it is nested too deeply to be read") from error
    if "\\u" in text:
        _check_halves(found)
    return found


def parse_yaml(text: str) -> Any:
    """YAML, but for what `yaml` would drop, or read as something else than is written.

    Dates, times (`12:30`), and numbers with leading zeros or underscores stay the text that they are; other words and
    numbers are read as ever (`no` is false).

    Raises:
        ValueError: If it is not YAML, has a key twice, or text with half a character.
    """
    try:
        found = yaml.load(text, _Loader)  # noqa: S506 - a safe loader
        if "\\" in text:
            _check_halves(found)
    except RecursionError as error:
        raise ValueError("it is nested too deeply to be read") from error
    except (yaml.YAMLError, AttributeError, LookupError, TypeError) as error:
        if "nesting depth" in str(error):
            raise ValueError("it is nested too deeply to be read") from error
        if half := "escape code" in str(error) and _HALF.search(text):
            line = text.count("\n", 0, half.start()) + 1
            raise ValueError(f"line {line}: {half_character(chr(int(half[1], 16)))}") from error
        # The others are what constructors of written types (`!!bool maybe`) raise.
        raise ValueError(" ".join(str(error).split())) from error
    return found


def read_yaml(path: Path) -> Any:
    """A YAML file; one that ends in `.json` is read as JSON, which YAML is not quite.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read; the text begins with the file's name.
    """
    is_json = path.suffix.lower() == ".json"
    text = read_text(path)
    try:
        return parse_json(text) if is_json else parse_yaml(text)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as {'JSON' if is_json else 'YAML'}: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands there twice; keep the one that counts")
    return found


def _check_halves(found: Any) -> None:
    for place, text in _texts(found, "", set()):
        if half := half_character(text):
            raise ValueError(f"{place or 'the text'}: {half}")


def _texts(value: Any, place: str, seen: set[int]) -> Iterator[tuple[str, str]]:
    """All text in lists and objects, with the way to it; what YAML refers to several times is gone through once."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping | list | tuple | set) and id(value) not in seen:
        seen.add(id(value))
        for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            name = f"{place}.{key!a}" if place else f"{key!a}"
            if isinstance(value, Mapping):
                yield from _texts(key, name, seen)
            yield from _texts(inner, name, seen)


class _Loader(_SafeLoader):
    """YAML whose keys stand once, without the words that version 1.1 takes for dates, times and odd numbers."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """A mapping, unless it has a key twice."""
        seen = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else key
            if name in seen:
                raise ValueError(f"the key {key.value!r} stands there twice; keep the one that counts")
            seen.add(name)
        return super().construct_mapping(node, deep)

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """The type of a word without quotes."""
        tag = super().resolve(kind, value, implicit)
        odd = tag in _ODD and not _PLAIN_NUMBER.fullmatch(value)
        return self.DEFAULT_SCALAR_TAG if kind is yaml.ScalarNode and implicit[0] and odd else tag


_HALF = re.compile(r"\\u(d[89a-f][0-9a-f]{2})", re.IGNORECASE)
_ODD = tuple(f"tag:yaml.org,2002:{name}" for name in ("timestamp", "int", "float", "value"))
_PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9]\d*|\d*\.\d*(e[-+]\d+)?|\.inf|\.nan)", re.IGNORECASE)
