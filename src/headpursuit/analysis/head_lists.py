"""Lists of heads as other tools write them: `layer.head` in text, pairs or scores in JSON, pairs in a numpy array."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy

from headpursuit.files import parse_json, read_text, refuse_pointer
from headpursuit.heads import Head, count_of, heads_of

_HEAD = re.compile(r"(\d+)\.(\d+)")
_FORMS = "write heads like 12.3 or L12H3, one a line or with commas"


@dataclass(frozen=True)
class HeadList:
    """Heads from a file, the best first where it has an order."""

    heads: tuple[Head, ...]
    scored: bool = False
    """True if the file has scores, by which they are sorted then, the highest first."""

    def first(self, count: int | str | None = None) -> tuple[Head, ...]:
        """The first heads: as many as said; else the best percent of scored ones, and all of a plain list.

        Raises:
            ValueError: If that is no number of heads, or more than there are.
        """
        usual = "1%" if self.scored else len(self.heads)
        return self.heads[: count_of(usual if count is None else count, len(self.heads))]


def is_head_list(path: Path | str) -> bool:
    """True for a file of heads, false for one of heads and scales, or for none.

    Every file but JSON is taken for a list; JSON is one if it is a list, or if its keys are heads like `12.3`.
    """
    path = Path(path)
    if path.suffix.lower() != ".json" or not path.is_file():
        return path.is_file()
    try:
        found = parse_json(read_text(path))
    except ValueError:
        return False
    return isinstance(found, list) or (isinstance(found, dict) and any(_HEAD.fullmatch(key) for key in found))


def read_heads(path: Path | str) -> HeadList:
    """Heads from a file.

    Args:
        path: `.npy`: whole numbers (n_heads, 2), layer and head, as inference-time intervention keeps them. `.json`:
            `[[12, 3], [9, 1]]`, `["12.3", "L9H1"]`, or scores by head, `{"12.3": 0.8}`. All else is text: `12.3` or
            `L12H3`, one a line or with commas; `#` begins a comment.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no heads, something else, or one of them twice; the text names the file.
    """
    path = Path(path)
    readers = {".npy": _of_array, ".json": _of_json}
    try:
        found = readers.get(path.suffix.lower(), _of_text)(path)
        if not found.heads:
            raise ValueError(f"it holds no head; {_FORMS}")
        _check_once(found.heads)
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(str(path)) else f"{path}: {text}") from error
    return found


def parse_heads(text: str) -> tuple[Head, ...]:
    """Heads as one types them: `12.3` or `L12H3`, with commas or spaces between.

    Raises:
        ValueError: If one is no head, or named twice.
    """
    found = tuple(map(_head, text.replace(",", " ").split()))
    _check_once(found)
    return found


def _check_once(heads: tuple[Head, ...]) -> None:
    twice = next((head for head, count in Counter(heads).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"{twice} is named twice; name each head once")


def _of_text(path: Path) -> HeadList:
    lines = (line.partition("#")[0] for line in read_text(path).splitlines())
    return HeadList(tuple(head for line in lines for head in parse_heads(line)))


def _of_json(path: Path) -> HeadList:
    try:
        found = parse_json(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not valid JSON ({error}); is it truncated?") from error
    if isinstance(found, Mapping):
        return _of_scores(found)
    if not isinstance(found, list):
        raise ValueError(f"{found!r:.60} is no list of heads; write [[12, 3], [9, 1]] (layer, head)")
    return HeadList(tuple(map(_listed, found)))


def _of_scores(scores: Mapping[str, Any]) -> HeadList:
    for name, score in scores.items():
        if not isinstance(score, Real) or isinstance(score, bool) or not math.isfinite(score):
            raise ValueError(f"the score of {name} is {score!r:.60}; it must be a finite number")
    order = sorted(scores, key=lambda name: -scores[name])
    return HeadList(tuple(map(_head, order)), scored=True)


def _of_array(path: Path) -> HeadList:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    refuse_pointer(path)
    try:
        found = numpy.load(path, allow_pickle=False)
    except (ValueError, TypeError, SyntaxError, RecursionError, EOFError, OSError) as error:
        raise ValueError(f"it is no array of plain numbers ({' '.join(str(error).split()):.120})") from error
    expected = "an array of heads has whole numbers, of shape (n_heads, 2): layer and head"
    if not isinstance(found, numpy.ndarray) or found.ndim != 2 or found.shape[1] != 2:
        raise ValueError(f"{expected}; this has shape {getattr(found, 'shape', 'of an archive')}")
    if not numpy.issubdtype(found.dtype, numpy.integer):
        raise ValueError(f"{expected}; this has {found.dtype}")
    return HeadList(_pairs(found.tolist()))


def _pairs(pairs: Iterable[Iterable[int]]) -> tuple[Head, ...]:
    given = [tuple(pair) for pair in pairs]
    return heads_of(given) if given else ()  # type: ignore[arg-type]


def _listed(given: Any) -> Head:
    """A head in a list of JSON."""
    if isinstance(given, str):
        return _head(given)
    whole = isinstance(given, list) and [type(number) for number in given] == [int, int]
    if not whole:
        hint = '; 12.10 is 12.1 to JSON: write it in quotes, "12.10"' if isinstance(given, float) else ""
        raise ValueError(f"{given!r:.60} is no head; write [12, 3] (layer, head){hint}")
    return _pairs([given])[0]


def _head(text: str) -> Head:
    match = _HEAD.fullmatch(text.strip())
    if match is not None:
        return Head(int(match[1]), int(match[2]))
    try:
        return Head.parse(text)
    except ValueError:
        raise ValueError(f"{text!r:.60} is no head; {_FORMS}") from None
