"""The two words everything else is written in: a head, and an edit of heads."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_HEAD = re.compile(r"L(\d+)H(\d+)", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Head:
    """One attention head, written `L12H3`: head 3 of layer 12, both counted from zero."""

    layer: int
    index: int

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read `L12H3`.

        Raises:
            ValueError: If the text is not of that form.
        """
        match = _HEAD.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a head; write the layer and the head from zero, like L12H3")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"L{self.layer}H{self.index}"


class Edit(Mapping[Head, float]):
    """Which heads are rescaled, and by how much (alpha in the paper).

    -1 suppresses what the heads write, 0 removes them, above 1 enhances them, 1 changes nothing.
    An edit is an immutable mapping; two edits are equal when they rescale the same heads alike.
    """

    def __init__(self, scales: Mapping[Head, float | int]) -> None:
        for head, scale in scales.items():
            if not isinstance(head, Head):
                raise TypeError(f"an edit maps heads to scales, but {head!r} is not a Head")
            if not abs(float(scale)) < float("inf"):
                raise ValueError(f"the scale of {head} is {scale}; it must be a finite number")
        self._scales = {head: float(scales[head]) for head in sorted(scales)}

    @classmethod
    def uniform(cls, heads: Iterable[Head], scale: float | int) -> "Edit":
        """The same scale for every head."""
        return cls(dict.fromkeys(heads, scale))

    @classmethod
    def from_json(cls, scales: Mapping[str, float | int]) -> "Edit":
        """Read `{"L12H3": -1.0}`, as written by `to_json`."""
        return cls({Head.parse(name): scale for name, scale in scales.items()})

    def to_json(self) -> dict[str, float]:
        """The edit as `{"L12H3": -1.0}`."""
        return {str(head): scale for head, scale in self._scales.items()}

    def __getitem__(self, head: Head) -> float:
        return self._scales[head]

    def __iter__(self) -> Iterator[Head]:
        return iter(self._scales)

    def __len__(self) -> int:
        return len(self._scales)

    def __hash__(self) -> int:
        return hash(tuple(self._scales.items()))

    def __repr__(self) -> str:
        return f"Edit({self.to_json()})"
