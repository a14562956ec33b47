"""Dataclasses to JSON and back: every value has the type that its field says, or is refused by the path of its field.

Text, numbers, true and false, heads, paths, enums, one of several words, lists, objects, and dataclasses of these are
read and written. A type whose form on disk differs from its fields has `to_json` and `from_json` of its own, which are
then asked, wherever it stands; one that once had other fields has `upgraded`, which makes today's of those.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from types import GenericAlias, NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from headpursuit.files import shown
from headpursuit.heads import Head

T = TypeVar("T")

_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}


def to_record(value: Any) -> Any:
    """A dataclass, or what one holds, as JSON has it: heads by name, tuples as lists, the rest field by field."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if is_dataclass(value) and not isinstance(value, Head):
        return {field.name: to_record(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Head | Path):
        return str(value)
    if isinstance(value, Mapping):
        return {to_record(key): to_record(each) for key, each in value.items()}
    return [to_record(each) for each in value] if isinstance(value, list | tuple) else value


def from_record(kind: type[T] | GenericAlias, content: Any) -> T:
    """The reverse of `to_record`; what other code made of a value already is taken as it is.

    Whole numbers may stand for fractions, and fields with defaults may be missing.

    Args:
        kind: The dataclass, or any type that a field can have.
        content: What JSON holds of it.

    Raises:
        TypeError: If a field is missing, unknown or of another type, or a dataclass refuses it; `understood` adds the
            file's name.
    """
    return _checked(kind, content, "")


def from_fields(kind: type[T], content: Any) -> T:
    """A dataclass from its fields by name, whatever form of its own it has on disk.

    Raises:
        TypeError: As `from_record`.
    """
    return _from_fields(kind, content, "")


def _from_fields(kind: Any, content: Any, path: str) -> Any:
    if not isinstance(content, Mapping):
        raise TypeError(f"{path or 'the content'} is {_short(content)}, not the fields of {kind.__name__}")
    content = _made(lambda: getattr(kind, "upgraded", dict)(content), path)
    wanted = _fields_of(kind)
    for name in content:
        if name not in wanted:
            raise TypeError(f"{_inside(path, name)} is no field of {kind.__name__}")
    for name, (_, needed) in wanted.items():
        if needed and name not in content:
            raise TypeError(f"{_inside(path, name)} is missing")
    given = {name: _checked(wanted[name][0], value, _inside(path, name)) for name, value in content.items()}
    return _made(lambda: kind(**given), path)


@cache
def _fields_of(kind: Any) -> dict[str, tuple[Any, bool]]:
    """The type of each field, and whether it has to be given; of `Sheet[Arm]` with the variables filled in."""
    made = get_origin(kind) or kind
    given = dict(zip(getattr(made, "__parameters__", ()), get_args(kind), strict=True)) if made is not kind else {}
    hints = {name: _filled(hint, given) for name, hint in get_type_hints(made).items()}
    return {field.name: (hints[field.name], _is_needed(field)) for field in fields(made) if field.init}


def _filled(hint: Any, given: Mapping[Any, Any]) -> Any:
    variables = getattr(hint, "__parameters__", ())
    if not given or not variables:
        return given.get(hint, hint)
    return hint[tuple(given[variable] for variable in variables)]


def _is_needed(field: "Field[Any]") -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _checked(wanted: Any, value: Any, path: str) -> Any:
    origin, inside = get_origin(wanted), get_args(wanted)
    if wanted is Any:
        return value
    if origin in (Union, UnionType):
        return _one_of(inside, value, path)
    if origin is Literal:
        return _only(value in inside, value, path, f"one of {', '.join(map(str, inside))}")
    if origin is tuple:
        _only(isinstance(value, list | tuple), value, path, "a list")
        if inside[-1] is not Ellipsis:
            _only(len(value) == len(inside), value, path, f"a list of {len(inside)}")
        kinds = inside[:1] * len(value) if inside[-1] is Ellipsis else inside
        pairs = enumerate(zip(kinds, value, strict=True))
        return tuple(_checked(kind, each, f"{path}[{i}]") for i, (kind, each) in pairs)
    if isinstance(origin, type) and is_dataclass(origin):
        return value if isinstance(value, origin) else _from_fields(wanted, value, path)
    if origin is not None and issubclass(origin, Mapping):
        _only(isinstance(value, Mapping), value, path, "an object")
        keys, values = inside
        return {
            _checked(keys, k, f"{path}: a key"): _checked(values, v, f"{path}: {shown(k)}") for k, v in value.items()
        }
    if not isinstance(wanted, type) or (wanted not in _WORDS and isinstance(value, wanted)):
        return value
    return _plain(wanted, value, path)


def _plain(wanted: Any, value: Any, path: str) -> Any:
    """A value of a type that has no others inside it."""
    if hasattr(wanted, "from_json"):
        _only(isinstance(value, Mapping), value, path or "the content", "an object")
        return _made(lambda: wanted.from_json(value), path)
    if wanted is Head:
        return _made(lambda: Head.parse(_checked(str, value, path)), path)
    if is_dataclass(wanted):
        return _from_fields(wanted, value, path)
    if issubclass(wanted, Enum):
        choices = [each.value for each in wanted]
        return wanted(_only(value in choices, value, path, f"one of {', '.join(map(str, choices))}"))
    if wanted is Path:
        return Path(_checked(str, value, path))
    if wanted is float and type(value) is int:
        return _made(lambda: float(value), path)
    # True is an int to Python.
    plain = wanted not in _WORDS or (isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool))
    return _only(plain, value, path, _WORDS.get(wanted, ""))


def _one_of(kinds: tuple[Any, ...], value: Any, path: str) -> Any:
    """A value of the first of several types that takes it; where one alone is no null, that one says what is wrong."""
    if value is None and NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not NoneType]
    for kind in others[:-1]:
        try:
            return _checked(kind, value, path)
        except TypeError:
            continue
    return _checked(others[-1], value, path)


def _made(make: Any, path: str) -> Any:
    """A thing made of checked values; if it is refused, the error has the path."""
    try:
        return make()
    except (ValueError, OverflowError) as error:
        raise TypeError(f"{path}: {error}" if path else str(error)) from error


def _inside(path: str, name: str) -> str:
    return f"{path}.{shown(name)}" if path else shown(name)


def _only(right: bool, value: Any, path: str, expected: str) -> Any:
    if not right:
        raise TypeError(f"{path or 'the content'} is {_short(value)}, not {expected}")
    return value


def _short(value: Any) -> str:
    return f"{value!r:.60}"
