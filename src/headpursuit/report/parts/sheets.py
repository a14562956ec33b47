"""The dose sheet as a table: heads down, scales across."""

from dataclasses import dataclass
from typing import Any

from headpursuit.studies.results import AnswerSheet, DoseCell, DoseSheet


@dataclass(frozen=True)
class DoseDot:
    """A dose in the picture of effects against damage; places in percent of its width and height."""

    left: float
    bottom: float
    word: str
    on_front: bool
    title: str


def dose_dots(sheet: AnswerSheet) -> tuple[DoseDot, ...]:
    """Every dose: damage to the right, up to twice what is tolerated; effect upwards."""
    top = max([1.0, *(cell.effect for cell in sheet.cells)])
    return tuple(
        DoseDot(
            round(100 * min(cell.damage, 2.0) / 2, 2),
            round(100 * max(cell.effect, 0.0) / top, 2),
            cell.word,
            cell in sheet.front,
            f"{cell.n_heads} heads × {cell.scale:g}: effect {cell.effect:.2f}, damage {cell.damage:.2f}, {cell.word}",
        )
        for cell in sheet.cells
    )


@dataclass(frozen=True)
class SheetRow:
    """One number of heads."""

    n_heads: int
    cells: tuple[DoseCell[Any] | None, ...]
    """A cell for each scale; None where it was not measured."""


@dataclass(frozen=True)
class SheetTable:
    """A sheet laid out."""

    scales: tuple[float, ...]
    """The columns."""
    rows: tuple[SheetRow, ...]
    """Few heads first."""
    chosen: DoseCell[Any] | None


def sheet_table(sheet: DoseSheet[Any]) -> SheetTable:
    """Lay a sheet out."""
    by_place = {(cell.n_heads, cell.scale): cell for cell in sheet.cells}
    scales = tuple(dict.fromkeys(cell.scale for cell in sheet.cells))
    counts = sorted({cell.n_heads for cell in sheet.cells})
    rows = tuple(SheetRow(n, tuple(by_place.get((n, scale)) for scale in scales)) for n in counts)
    return SheetTable(scales, rows, sheet.chosen)
