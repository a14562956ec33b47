"""Settings that were written by hand, as the types they have."""

import json
from collections.abc import Mapping
from os import PathLike
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin


def parts_of(text: str) -> tuple[str, ...]:
    """Words with commas between them, without space around them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def typed(wanted: Any, value: Any, what: str) -> Any:
    """A setting as its type.

    Text may be written as a number, list or mapping, a fraction as a whole number, a list as one value or as text with
    commas.

    Args:
        wanted: The type, as a dataclass's field names it; of other than plain types the value is taken as it is.
        value: As it was read.
        what: What it is called where it was written.

    Raises:
        ValueError: If it is of another type.
    """
    if get_origin(wanted) is Literal:
        if value not in get_args(wanted):
            raise ValueError(f"{what}: {value!r} is none of {', '.join(get_args(wanted))}")
        return value
    value = str(value) if isinstance(value, PathLike) else value
    if is_list(wanted):
        return list_of(get_args(wanted)[0], value, what)
    one_of = get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)
    kinds = [kind for kind in one_of if kind in (str, int, float, bool)]
    if not kinds or type(value) in kinds or (value is None and type(None) in one_of):
        return value
    if str in kinds and isinstance(value, list):
        return ",".join(map(str, value))
    if str in kinds and isinstance(value, Mapping):
        return json.dumps(value)
    if type(value) in (int, float) and str in kinds:
        return written(value)
    if type(value) is int and float in kinds:
        return float(value)
    raise ValueError(f"{what}: expected {kinds[0].__name__}, found {value!r}")


def is_list(wanted: Any) -> bool:
    """True of a type of several texts or numbers."""
    return get_origin(wanted) is tuple and get_args(wanted)[0] in (str, float)


def list_of(kind: type, value: Any, what: str) -> tuple[Any, ...]:
    """Texts, or numbers each once, in the order given; one alone is a list of one, and text has commas between them.

    Raises:
        ValueError: If one is of another type.
    """
    given = parts_of(value) if isinstance(value, str) else value if isinstance(value, list | tuple) else (value,)
    if kind is str and not any(isinstance(each, bool) or not isinstance(each, str | int | float) for each in given):
        return tuple(each if isinstance(each, str) else written(each) for each in given)
    try:
        if kind is float and not any(isinstance(each, bool) for each in given):
            return tuple(dict.fromkeys(float(each) for each in given))
    except (TypeError, ValueError):
        pass
    wanted = "numbers with commas, like 0,-1,-2" if kind is float else "texts with commas"
    raise ValueError(f"{what}: cannot read {value!r}; write {wanted}")


def written(value: Any) -> str:
    """A setting as text: lists with commas, whole numbers without a point."""
    if isinstance(value, tuple | list):
        return ",".join(map(written, value))
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
