"""Numbers, tokens and names as they are written, on pages and in pictures."""

import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from headpursuit.studies.judging.terms import WORDS
from headpursuit.studies.results import Estimate

LONGEST_TOKEN = 32
"""Characters; a longer token is cut."""

LARGEST_Z = 1000
"""Larger z-scores are not told apart."""

_MARKS = {" ": "·", "\n": "↵", "\t": "⇥"}


def rate(value: float) -> str:
    """A fraction with two decimals, without a negative zero."""
    return _finite(value, ".2f")


def change(value: float, decimals: int = 2) -> str:
    """A signed difference of two fractions."""
    text = _finite(value, f"+.{decimals}f")
    return text.replace("-", "−") if any(c in "123456789" for c in text) else text.lstrip("+-")


def interval(estimate: Estimate, signed: bool = False) -> str:
    """The ends of a 95 % interval; `signed` if it is that of a difference."""
    low, high = map(change if signed else rate, (estimate.low, estimate.high))
    return f"{low} to {high}".replace("-", "−")


def score(value: float) -> str:
    """An explained fraction or a specificity: three decimals."""
    return _finite(value, ".3f").replace("-", "−")


def z_score(value: float) -> str:
    """One decimal; beyond the largest the figure only says that random dictionaries hardly vary."""
    if math.isfinite(value) and abs(value) >= LARGEST_Z:
        return "> 999" if value > 0 else "< −999"
    return _finite(value, ".1f").replace("-", "−")


def amount(value: float) -> str:
    """A perplexity: three significant digits."""
    if not math.isfinite(value):
        return "not finite"
    return f"{value:#.3g}".rstrip(".") if abs(value) < 1000 else f"{value:,.0f}"


def p_value(value: float | None) -> str:
    """A p-value as `p = 0.012`; in words if there is none."""
    if value is None:
        return "not computed"
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def number(value: float) -> str:
    """A scale, as one would type it: -1, 0.5."""
    return f"{value:g}".replace("-", "−")


def edited(scales: Mapping[Any, float]) -> str:
    """Heads and their scales: L29H2 × −1, L23H4 × 0.5."""
    return ", ".join(f"{head} × {number(scale)}" for head, scale in scales.items())


def share(part: int, whole: int) -> str:
    """A percentage with one decimal."""
    return f"{100 * part / whole:.1f} %" if whole else "none"


def token(text: str) -> str:
    """A token made visible: `·` is a space, `↵` a line break, and what cannot be printed its code point."""
    shown = "".join(_visible(c) for c in text) or "(empty)"
    return shown if len(shown) <= LONGEST_TOKEN else shown[: LONGEST_TOKEN - 1] + "…"


def answer(text: str) -> str:
    """An answer on one line; nothing in it can reorder or hide the text around it."""
    shown = "".join(c if c == " " else _visible(c) for c in text.replace("\r\n", "\n").strip(" "))
    return shown.replace("↵", " ↵ ").strip() if shown else ""


def short_name(model: str) -> str:
    """A model's name without its owner or folder."""
    return Path(model).name or model or "a model"


def mean(values: Sequence[float]) -> float:
    """Mean; NaN of nothing."""
    return math.fsum(values) / len(values) if values else math.nan


def _finite(value: float, spec: str) -> str:
    if not math.isfinite(value):
        return "–"
    text = format(value, spec)
    return text.removeprefix("-") if not any(c in "123456789" for c in text) else text


def _visible(character: str) -> str:
    if character in _MARKS:
        return _MARKS[character]
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"):
        return f"\\u{ord(character):04x}"
    return character


FILTERS: Mapping[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        rate,
        change,
        interval,
        score,
        z_score,
        amount,
        p_value,
        number,
        edited,
        token,
        answer,
        mean,
        short_name,
    )
} | {"words": WORDS.__getitem__}
"""Filters of templates, by name; `words` is how a direction is spoken of."""
