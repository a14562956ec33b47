"""The dose sheet: how many heads, how hard."""

from dataclasses import dataclass
from typing import Any, Literal

from headpursuit.studies.results.figures import ArmSummary

DoseWord = Literal["good", "too weak", "over-intervened"]


@dataclass(frozen=True)
class DoseCell:
    """One number of heads at one scale, measured on selection questions."""

    n_heads: int
    scale: float
    word: DoseWord
    signs: tuple[str, ...]
    """What breaks, in words; none unless it is over-intervened."""
    arm: ArmSummary
    matched: float | None = None
    """Target rate with as many random heads of the same layers, one draw; measured beside the best cells only."""


@dataclass(frozen=True)
class DoseSheet:
    """Numbers of heads by scales, and the dose that was chosen."""

    base: ArmSummary
    cells: tuple[DoseCell, ...]
    """Few heads first, for each number the scales in the order given."""
    n_heads: int
    """The chosen number of heads."""
    scale: float
    """The chosen scale."""
    sentence: str
    """Why this dose, in words."""

    @property
    def chosen(self) -> DoseCell:
        """The chosen cell."""
        return next(cell for cell in self.cells if (cell.n_heads, cell.scale) == (self.n_heads, self.scale))

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of heads, few first."""
        return tuple(sorted({cell.n_heads for cell in self.cells}))

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "DoseSheet":
        """The reverse of `asdict`."""
        cells = tuple(
            DoseCell(**{**c, "signs": tuple(c["signs"]), "arm": ArmSummary.from_json(c["arm"])})
            for c in content["cells"]
        )
        return cls(**{**content, "base": ArmSummary.from_json(content["base"]), "cells": cells})
