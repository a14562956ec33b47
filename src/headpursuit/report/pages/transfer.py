"""The page of a transfer: what tasks share, and whose heads act on whose questions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headpursuit.report import wording
from headpursuit.report.page import Page
from headpursuit.report.parts.matrices import MatrixRow, draw_matrix
from headpursuit.report.wording import short_name
from headpursuit.studies.experiments.transfer import EffectCell, TransferResult

MARKS = {"acts": "★", "does not act": "", "breaks": "✕", "nothing to lose": "–"}
"""Words beside an effect."""


def page(folder: Path) -> Page:
    """The page of the transfer in a folder."""
    result = TransferResult.load(folder)
    return Page(
        "pages/transfer.html.j2",
        f"Transfer between {len(result.tasks)} tasks on {short_name(result.config.model)}",
        {"result": result, "marks": MARKS, "names": [task.name for task in result.tasks]},
        figures={"effects": lambda: draw_effects(result), "overlaps": lambda: draw_overlaps(result)},
    )


def draw_effects(result: TransferResult) -> Any:
    """The tree and the matrix of effects, a row of random heads beneath."""
    names = result.effect_tree.names
    rows = [_effects(name, [result.cell(name, column) for column in names]) for name in names]
    columns = {column.name: column for column in result.columns}
    means = [wording.mean(columns[name].random) for name in names]
    random = MatrixRow("random heads", tuple(means), tuple(map(wording.rate, means)))
    label = "fraction of the score that is lost: heads of the row, questions of the column"
    return draw_matrix(result.effect_tree, rows, label=label, below=(random,), signed=True)


def draw_overlaps(result: TransferResult) -> Any:
    """The tree and the matrix of Jaccard indices."""
    found = {frozenset(overlap.tasks): overlap for overlap in result.overlaps}
    sizes = {task.name: len(task.heads) for task in result.tasks}

    def row(name: str) -> MatrixRow:
        pairs = [found.get(frozenset((name, other))) for other in result.overlap_tree.names]
        values = tuple(1.0 if pair is None else pair.jaccard for pair in pairs)
        return MatrixRow(name, values, tuple(str(sizes[name] if p is None else len(p.shared)) for p in pairs))

    rows = [row(name) for name in result.overlap_tree.names]
    label = "Jaccard index of the edited heads; the numbers are shared heads"
    return draw_matrix(result.overlap_tree, rows, label=label)


def _effects(name: str, cells: Sequence[EffectCell]) -> MatrixRow:
    values = tuple(max(-1.0, min(1.0, cell.effect.value)) for cell in cells)
    texts = tuple(f"{wording.rate(cell.effect.value)} {MARKS[cell.word]}".strip() for cell in cells)
    return MatrixRow(name, values, texts)
