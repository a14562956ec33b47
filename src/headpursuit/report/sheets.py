"""The dose sheet as a table: heads down, scales across."""

from dataclasses import dataclass

from headpursuit.studies.captioning import CaptionCell, CaptionSheet
from headpursuit.studies.results import DoseCell, DoseSheet


@dataclass(frozen=True)
class SheetRow:
    """One number of heads."""

    n_heads: int
    cells: tuple[DoseCell | CaptionCell | None, ...]
    """A cell for each scale; None where it was not measured."""


def scales_of(sheet: DoseSheet | CaptionSheet) -> tuple[float, ...]:
    """The columns."""
    return tuple(dict.fromkeys(cell.scale for cell in sheet.cells))


def sheet_rows(sheet: DoseSheet | CaptionSheet) -> tuple[SheetRow, ...]:
    """The rows, few heads first."""
    by_place = {(cell.n_heads, cell.scale): cell for cell in sheet.cells}
    counts = sorted({cell.n_heads for cell in sheet.cells})
    return tuple(SheetRow(n, tuple(by_place.get((n, scale)) for scale in scales_of(sheet))) for n in counts)
