"""The two words everything else is written in: a head, and an edit of heads."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, SupportsIndex, TypeAlias, get_args

from headpursuit.files import shown
from headpursuit.given import listed

Kind: TypeAlias = Literal["self", "cross", "encoder"]
"""The sequence a head attends to: the text it is part of, or something else (an encoder's output, an image); or, in the
encoder of an encoder-decoder, what that encodes."""

NamedScope: TypeAlias = Literal["all", "prompt", "generated", "image", "audio", "text"]

Scope: TypeAlias = NamedScope | tuple[int, ...]
"""The positions an edit touches: all, those of the prompt, those of the answer, those that stand for an image, all
others, or those listed (from 0; -1 is the prompt's last)."""

_PROVENANCE = ("kind", "version", "model", "revision", "unembedding_sha256", "concept")
"""Keys that an edit's file may have beside heads, scales and scope."""

_LARGEST = 1e30
"""No scale is larger: numbers must stay finite."""

_HEAD = re.compile(r"(?:L(\d+)(X?)|E(\d+))H(\d+)", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Head:
    """One attention head, written `L12H3`: head 3 of layer 12, both counted from zero.

    A cross-attention head is written `L12XH3`, and a head of an encoder-decoder's encoder `E12H3`.
    """

    layer: int
    index: int
    kind: Kind = "self"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read `L12H3`, `L12XH3` or `E12H3`.

        Raises:
            ValueError: If the text is not of that form.
        """
        match = _HEAD.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a head; write the layer and the head from zero, like L12H3")
        if match[3]:
            return cls(int(match[3]), int(match[4]), "encoder")
        return cls(int(match[1]), int(match[4]), "cross" if match[2] else "self")

    @property
    def site(self) -> str:
        """The heads it sits among, such as `L12`, `L12X` for cross-attention, or `E12` of an encoder."""
        return site_name(self.layer, self.kind)

    def __str__(self) -> str:
        return f"{self.site}H{self.index}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


GivenHead: TypeAlias = Head | str | tuple[SupportsIndex, SupportsIndex]
"""A head, by its name, or by its layer and its index, which makes it one of self-attention."""


def site_name(layer: int, kind: Kind = "self") -> str:
    """Name of all heads of one attention together: `L12`, `L12X` for cross-attention, or `E12` of an encoder."""
    return {"self": f"L{layer}", "cross": f"L{layer}X", "encoder": f"E{layer}"}[kind]


def site_order(name: str) -> tuple[bool, int, str]:
    """Sorts names of sites by layer, cross-attention after self-attention, and an encoder's last."""
    return name.startswith("E"), int(name[1:].rstrip("X")), name[-1:] if name.endswith("X") else ""


def heads_of(given: Iterable[GivenHead] | GivenHead) -> tuple[Head, ...]:
    """Heads in the order given, by name, as layer and index, or as `Head`; and one alone.

    Raises:
        TypeError: If one is no head; the error has its number.
        ValueError: If there are none, or one is not of the form `L12H3` or `(12, 3)`.
    """
    several = [given] if _is_pair(given) else list(given) if isinstance(given, tuple) else given
    found = listed(several, "head", Head | str | tuple, "a head like 'L24H3' or (24, 3), or a list of heads")
    return tuple(map(_head, found))


def edit_of(given: "GivenEdit") -> "Edit":
    """An edit, also from scales alone; see `Edit`."""
    return given if isinstance(given, Edit) else Edit(given)


def _head(given: Any) -> Head:
    if isinstance(given, Head):
        return given
    if isinstance(given, str):
        return Head.parse(given)
    if not _is_pair(given):
        raise TypeError(f"{given!r} is no head; give a Head, a name like 'L24H3', or layer and index like (24, 3)")
    if min(given) < 0:
        raise ValueError(f"{given!r} is no head; layers and heads are counted from zero")
    layer, index = map(int, given)
    return Head(layer, index)


def _is_pair(given: Any) -> bool:
    """True for a layer and an index, also of numpy."""
    whole = isinstance(given, tuple) and all(isinstance(n, Integral) and not isinstance(n, bool) for n in given)
    return whole and len(given) == 2


class Edit(Mapping[Head, float]):
    """Heads with the scale of each (alpha in the paper), and the positions at which they are rescaled.

    Heads may be given by name, `{"L29H2": -1}`, or as layer and index, `{(29, 2): -1}`. -1 suppresses what they write,
    0 removes them, above 1 enhances them, 1 changes nothing. An edit is an immutable mapping; two edits are equal when
    they rescale the same heads alike at the same positions.
    """

    def __init__(self, scales: Mapping[Any, float | int], scope: Scope | Sequence[int] | None = None) -> None:
        if not isinstance(scales, Mapping):
            raise TypeError(
                f'an edit maps heads to scales, like {{"L24H3": -1}}, but a {type(scales).__name__} was given; of a '
                "ranking take ranking.edit(heads=2), of a saved edit its edit"
            )
        named: dict[Head, float | int] = {}
        for name, scale in scales.items():
            head = _head(name)
            if not _is_number(scale):
                raise TypeError(f"the scale of {head} is {scale!r}; it must be a number")
            if not -_LARGEST < scale < _LARGEST:
                raise ValueError(f"the scale of {head} is {scale}; it must be a finite number")
            if head in named:
                raise ValueError(f"{head} is named twice; give each head one scale")
            named[head] = scale
        self._scales = {head: float(named[head]) for head in sorted(named)}
        given = scales.scope if isinstance(scales, Edit) else "all"
        self._scope = given if scope is None else _checked(scope)

    @property
    def scope(self) -> Scope:
        """The positions that it touches."""
        return self._scope

    @classmethod
    def uniform(
        cls, heads: Iterable[GivenHead] | GivenHead, scale: float | int, scope: Scope | Sequence[int] = "all"
    ) -> "Edit":
        """The same scale for every head."""
        return cls(dict.fromkeys(heads_of(heads), scale), scope)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Edit":
        """Read what `to_json` writes, or scales alone: `{"L12H3": -1.0}`.

        Raises:
            ValueError: If a head, a scale or the scope cannot be read.
        """
        scales = content.get("scales", content)
        unknown = set(content) - {"scales", "scope", *_PROVENANCE} if scales is not content else set()
        if unknown:
            raise ValueError(f"an edit has no {min(unknown)!r}; it has scales and a scope")
        if not isinstance(scales, Mapping):
            raise ValueError(f'an edit maps heads to scales, like {{"L12H3": -1}}, but holds {scales!r:.60}')
        wrong = {name: scale for name, scale in scales.items() if not _is_number(scale)}
        if wrong:
            name, scale = next(iter(wrong.items()))
            raise ValueError(f"the scale of {shown(name)} is {scale!r:.60}; it must be a number")
        heads = [Head.parse(name) for name in scales]
        twice = next((head for head in heads if heads.count(head) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice} is named twice; give each head one scale")
        return cls(dict(zip(heads, scales.values(), strict=True)), content.get("scope", "all"))

    def to_json(self) -> dict[str, Any]:
        """The edit as `{"scales": {"L12H3": -1.0}, "scope": "all"}`."""
        scope = list(self._scope) if isinstance(self._scope, tuple) else self._scope
        return {"scales": {str(head): scale for head, scale in self._scales.items()}, "scope": scope}

    def __getitem__(self, head: Head) -> float:
        return self._scales[head]

    def __iter__(self) -> Iterator[Head]:
        return iter(self._scales)

    def __len__(self) -> int:
        return len(self._scales)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Edit):
            return (self._scales, self._scope) == (other._scales, other._scope)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((tuple(self._scales.items()), self._scope))

    def __repr__(self) -> str:
        return f"Edit({self.to_json()})"


GivenEdit: TypeAlias = (
    Edit
    | Mapping[Head, float | int]
    | Mapping[str, float | int]
    | Mapping[tuple[SupportsIndex, SupportsIndex], float | int]
)
"""An edit, or scales alone, which act everywhere: `{"L29H2": -1}`, `{(29, 2): -1}`."""


def edit_in_words(edit: Mapping[Any, float]) -> str:
    """Heads and scales, such as `L29H2 × -1, L23H4 × 0.5`."""
    return ", ".join(f"{head} × {scale:g}" for head, scale in edit.items())


def product_of(edits: Sequence[Edit]) -> Edit:
    """Several edits as one: where two rescale one head, their scales multiply, as in nested `rescale`.

    Raises:
        ValueError: If there are none, or they act at different positions.
    """
    scopes = {edit.scope for edit in edits}
    if len(scopes) != 1:
        named = " and ".join(sorted(repr(scope) for scope in scopes))
        raise ValueError(f"edits of scopes {named} cannot be one edit; nest them" if edits else "there is no edit")
    scales: dict[Head, float] = {}
    for edit in edits:
        for head, scale in edit.items():
            scales[head] = scales.get(head, 1.0) * scale
    return Edit(scales, edits[0].scope)


def inverse_of(edit: Edit) -> Edit:
    """The edit that takes another one back.

    Raises:
        ValueError: If it removed a head, whose weights are gone where it was written into them.
    """
    removed = [str(head) for head, scale in edit.items() if scale == 0]
    if removed:
        raise ValueError(
            f"the edit cannot be undone: it multiplied {', '.join(removed)} by 0, and what stood there is gone; take "
            "the model it was made from"
        )
    return Edit({head: 1 / scale for head, scale in edit.items()}, edit.scope)


def parse_scope(text: str) -> Scope:
    """Read a scope as one types it: `all`, `prompt`, `generated`, `image`, `audio`, `text`, or positions like `0,-1`.

    Raises:
        ValueError: If it is none of these.
    """
    try:
        return _checked(text.strip() if text.strip().isalpha() else [int(position) for position in text.split(",")])
    except ValueError:
        raise ValueError(
            f"cannot read {text!r} as a scope; write all, prompt, generated, image, audio, text, or positions with "
            "commas like 0,-1 (0 is the prompt's first token, -1 its last)"
        ) from None


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _checked(scope: Any) -> Scope:
    if scope in get_args(NamedScope):
        return scope
    is_list = isinstance(scope, Sequence) and not isinstance(scope, str)
    if is_list and scope and all(isinstance(p, int) and not isinstance(p, bool) for p in scope):
        return tuple(sorted(set(scope)))
    raise ValueError(
        f"unknown scope {scope!r}; choose {', '.join(get_args(NamedScope))}, or a list of positions like [0, -1]"
    )


def count_of(heads: int | str, n_heads: int) -> int:
    """The number of heads that `3`, `"3"` or `"1%"` means; a percentage is rounded down, but not to none.

    Raises:
        ValueError: If it cannot be read, or is not between 1 and all heads.
    """
    text = str(heads).strip()
    try:
        share = float(text.removesuffix("%"))
    except ValueError as error:
        raise ValueError(f"cannot read {heads!r} as a number of heads; write 3, or 1% of all heads") from error
    of_all = text.endswith("%")
    if of_all and 0 < share <= 100:
        return max(1, math.floor(share / 100 * n_heads + 1e-9))
    if of_all or not math.isfinite(share) or share != int(share) or share < 1:
        raise ValueError(f"{heads!r} is no number of heads; write 3, or 1% of all heads")
    if share > n_heads:
        raise ValueError(f"{heads} heads were asked for, but there are {n_heads}")
    return int(share)
