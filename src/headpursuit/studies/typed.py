"""Settings that were written by hand, as the types they have."""

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin


def parts_of(text: str) -> tuple[str, ...]:
    """Words with commas between them, without space around them, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def scales_of(text: str) -> tuple[float, ...]:
    """Scales with commas between them, each once.

    Raises:
        ValueError: If one is no number.
    """
    try:
        return tuple(dict.fromkeys(float(part) for part in parts_of(text)))
    except ValueError:
        raise ValueError(f"cannot read {text!r} as scales; write numbers with commas, like 0,-1,-2") from None


def typed(wanted: Any, value: Any, what: str) -> Any:
    """A setting as its type; text may be written as a number, list or mapping, a fraction as a whole number.

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
    kinds = [kind for kind in get_args(wanted) or (wanted,) if kind in (str, int, float, bool)]
    if not kinds or type(value) in kinds or (value is None and type(None) in get_args(wanted)):
        return value
    if str in kinds and isinstance(value, list):
        return ",".join(map(str, value))
    if str in kinds and isinstance(value, Mapping):
        return json.dumps(value)
    if type(value) in (int, float) and str in kinds:
        return f"{value:g}" if isinstance(value, float) else str(value)
    if type(value) is int and float in kinds:
        return float(value)
    raise ValueError(f"{what}: expected {kinds[0].__name__}, found {value!r}")
