"""All heads of a model, ranked for a concept: what is kept of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.heads import Edit, Head, Kind, Scope, count_of
from headpursuit.notebook import html_table
from headpursuit.records import from_fields, to_record
from headpursuit.settings import RankConfig
from headpursuit.storage import read_json, understood, write_json

_SCORES = ("explained", "specificity", "z", "p", "q")
"""Of every head, whatever sorted them."""


@dataclass(frozen=True)
class RankedHead:
    """One head's scores for a concept."""

    head: Head
    explained: float
    """Fraction of the head's energy, 0 to 1."""
    specificity: float
    """`explained` minus the mean over random dictionaries."""
    z: float
    """`specificity` in standard deviations of the random dictionaries."""
    p: float | None = None
    """Chance that one more random dictionary explains the head as well: (1 + those that do) / (1 + all). p and q are
    None in rankings that older versions wrote."""
    q: float | None = None
    """False-discovery rate at which the head would just be found, all heads considered; see `q_values`."""
    ranker_score: float | None = None
    """Of the ranker that sorted the heads, where that is another one."""


def _check_kind(kind: str) -> None:
    if kind == "encoder":
        raise ValueError(
            "heads of an encoder write into a stream that no unembedding reads, so that no token explains them and "
            "they are not ranked; rescale them and see what that does"
        )
    if kind not in get_args(Kind):
        raise ValueError(f"there are no heads of kind {kind!r}; choose self or cross")


@dataclass(frozen=True)
class Ranking:
    """All heads of a model, best first."""

    concept: str
    entries: tuple[RankedHead, ...]
    config: RankConfig
    model: str
    revision: str | None
    unembedding_sha256: str
    tokens: tuple[str, ...]
    """The concept's tokens: the restricted dictionary."""
    dropped_words: tuple[str, ...] = ()
    """Words of the concept that no token stands for."""
    ranker: str = ""
    """The ranker that sorted the heads; empty: `config.score`."""

    def _repr_html_(self) -> str:
        """The ten best heads, in notebooks."""
        scores = self.by_head()
        best = [
            (e.head, *(f"{value:.3g}" for value in (scores[e.head], e.explained, e.specificity, e.z)))
            for e in self.entries[:10]
        ]
        above = f"{self.concept} in {self.model or 'a model without a name'}: {len(self.entries)} heads by {self.score}"
        return html_table(above, best, ("head", self.score, "explained", "specificity", "z"))

    def top(self, heads: int | str) -> tuple[Head, ...]:
        """The best heads: a number of them, or a percentage such as `1%`.

        Raises:
            ValueError: If that is none, or more than the model has.
        """
        return tuple(entry.head for entry in self.entries[: count_of(heads, len(self.entries))])

    def of_kind(self, kind: Kind) -> "Ranking":
        """The heads of one kind alone, in the same order and with the same figures.

        Raises:
            ValueError: If the model has none of them, or they are an encoder's, which are not ranked.
        """
        _check_kind(kind)
        entries = tuple(entry for entry in self.entries if entry.head.kind == kind)
        if not entries:
            raise ValueError(f"the model has no heads of kind {kind!r}; leave the kind out")
        return replace(self, entries=entries)

    def sorted_by(self, ranker: str, scores: Mapping[Head, float]) -> "Ranking":
        """The same heads with the scores of another ranker, the highest first; equal scores in the order of heads.

        Raises:
            ValueError: If a score is infinite or undefined.
        """
        if not all(map(math.isfinite, scores.values())):
            raise ValueError(f"{ranker} gives some heads an infinite or undefined score; choose another ranker")
        scored = (replace(entry, ranker_score=scores[entry.head]) for entry in self.entries)
        order = tuple(sorted(scored, key=lambda entry: (-scores[entry.head], entry.head)))
        return replace(self, entries=order, ranker=ranker)

    @property
    def score(self) -> str:
        """The score or ranker that the heads are sorted by."""
        return self.ranker or self.config.score

    def by_head(self, score: str = "") -> dict[Head, float]:
        """A score of every head, best first.

        Args:
            score: `explained`, `specificity`, `z`, `p`, `q`, or by default what the heads are sorted by; p and q are
                NaN where an older version ranked.

        Raises:
            ValueError: If there is no such score.
        """
        wanted = score or self.score
        if wanted not in (*_SCORES, self.ranker):
            raise ValueError(
                f"there is no score {wanted!r}; there is {', '.join(filter(None, (*_SCORES, self.ranker)))}"
            )
        field = "ranker_score" if wanted == self.ranker else wanted
        found = {entry.head: getattr(entry, field) for entry in self.entries}
        return {head: math.nan if value is None else float(value) for head, value in found.items()}

    @property
    def scores(self) -> Float[Tensor, "n_layers n_heads"]:
        """Scores that self-attention heads are sorted by, float64: `scores[12, 3]` of L12H3; see `scores_of`."""
        return self.scores_of()

    def scores_of(self, score: str = "", kind: Kind = "self") -> Float[Tensor, "n_layers n_heads"]:
        """A score of every head by layer and index, float64; NaN where the model has no such head.

        Self-attention and cross-attention have a tensor each, of one shape: as many rows as the last layer with heads
        of either needs, and as many columns as the attention with the most heads.

        Args:
            score: As for `by_head`.
            kind: `self`, or `cross` for heads such as L12XH3.

        Raises:
            ValueError: If there is no such score, or no such kind.
        """
        _check_kind(kind)
        shape = [1 + max((getattr(e.head, axis) for e in self.entries), default=-1) for axis in ("layer", "index")]
        table = torch.full(shape, torch.nan, dtype=torch.float64)
        for head, value in self.by_head(score).items():
            if head.kind == kind:
                table[head.layer, head.index] = value
        return table

    @property
    def has_q(self) -> bool:
        """True if heads have q-values; rankings that older versions wrote have none."""
        return all(entry.q is not None for entry in self.entries)

    def found(self, level: float = 0.05) -> tuple[Head, ...]:
        """The heads that the concept's tokens explain better than random tokens do, at a false-discovery rate.

        Raises:
            ValueError: If the ranking has no q-values.
        """
        if not self.has_q:
            raise ValueError("this ranking has no q-values, because an older version wrote it; rank again")
        return tuple(entry.head for entry in self.entries if entry.q is not None and entry.q <= level)

    def edit(self, heads: int | str = "1%", scale: float | int = -1, scope: Scope = "all") -> Edit:
        """Rescale the best heads."""
        return Edit.uniform(self.top(heads), scale, scope)

    def save(self, path: Path | str) -> None:
        """Write the ranking as JSON."""
        write_json(Path(path), self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Everything, with heads by name."""
        own = {field.name: to_record(getattr(self, field.name)) for field in fields(self)}
        return {"kind": "ranking", "version": 1} | own

    @classmethod
    def load(cls, path: Path | str) -> "Ranking":
        """Read a ranking.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If it is no ranking.
        """
        return cls.from_json(read_json(Path(path)), str(path))

    @classmethod
    def from_json(cls, content: Any, origin: str = "this file") -> "Ranking":
        """The reverse of `to_json`."""
        if not isinstance(content, dict) or content.get("kind") != "ranking" or content.get("version") != 1:
            raise ValueError(f"{origin} is no ranking written by headpursuit")
        with understood(origin, "ranking"):
            return from_fields(cls, {name: value for name, value in content.items() if name not in ("kind", "version")})
