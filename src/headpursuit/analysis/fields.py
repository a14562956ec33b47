"""Dataclasses from JSON: every value has the type that its field says, or is refused by name."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from headpursuit.heads import Head

T = TypeVar("T")

_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def from_fields(kind: type[T], content: Any) -> T:
    """A dataclass made of a JSON object that has its fields; what other code made of it already is taken as it is.

    Text, numbers, true and false, heads by name, lists, text by text, one of several words, and dataclasses of these
    are checked. Whole numbers may stand for fractions.

    Args:
        kind: The dataclass.
        content: Its fields by name; those with defaults may be missing.

    Raises:
        TypeError: If a field is missing, unknown or of another type, or the dataclass refuses it; `understood` adds the
            file's name.
    """
    if not isinstance(content, Mapping):
        raise TypeError(f"expected the fields of a {kind.__name__}, found {_short(content)}")
    wanted = _types(kind)  # type: ignore[arg-type]
    try:
        return kind(**{name: _checked(wanted.get(name, Any), value, name) for name, value in content.items()})
    except (ValueError, OverflowError) as error:
        raise TypeError(str(error)) from error


@cache
def _types(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _checked(wanted: Any, value: Any, name: str) -> Any:
    origin, inside = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        given = [each for each in inside if each is not NoneType]
        return None if value is None and NoneType in inside else _checked(given[0], value, name)
    if origin is Literal:
        return _only(isinstance(value, str) and value in inside, value, name, f"one of {', '.join(inside)}")
    if origin is tuple:
        _only(isinstance(value, list | tuple), value, name, "a list")
        return tuple(_checked(inside[0], each, name) for each in value)
    if origin is dict and inside == (str, str):
        _only(isinstance(value, dict), value, name, "an object")
        return {key: _checked(str, each, f"{name}: {key}") for key, each in value.items()}
    if wanted is Head:
        return value if isinstance(value, Head) else Head.parse(_checked(str, value, name))
    if is_dataclass(wanted) and not isinstance(value, wanted):  # type: ignore[arg-type]
        return from_fields(wanted, value)  # type: ignore[arg-type]
    if wanted is float and type(value) is int:
        return float(value)
    # True is an int to Python.
    plain = wanted not in _WORDS or (isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool))
    return _only(plain, value, name, _WORDS.get(wanted, ""))


def _only(right: bool, value: Any, name: str, expected: str) -> Any:
    if not right:
        raise TypeError(f"{name} is {_short(value)}, not {expected}")
    return value


def _short(value: Any) -> str:
    return f"{value!r:.60}"
