"""The page of a transfer: what tasks share, and whose heads act on whose questions."""

import base64
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from markupsafe import Markup

from headpursuit.report import wording
from headpursuit.report.matrices import MatrixRow, matrix_picture
from headpursuit.report.pages import FIGURES, PAGE, templates
from headpursuit.storage import write_bytes
from headpursuit.studies.experiments.transfer import EffectCell, TransferResult

MARKS = {"acts": "★", "does not act": "", "breaks": "✕", "nothing to lose": "–"}
"""What stands beside an effect."""


def render_transfer(folder: Path | str) -> Path:
    """Write the page and the pictures of a transfer into its folder, over any that are there.

    Args:
        folder: A finished transfer; no model is loaded.

    Returns:
        The path of `report.html`. Beside it: `figures/effects` and `figures/overlaps`, as .png and .svg.

    Raises:
        FileNotFoundError: If there is no transfer.
        ValueError: If it is unfinished, damaged or something else.
    """
    folder = Path(folder)
    result = TransferResult.load(folder)
    figures = folder / FIGURES
    figures.mkdir(exist_ok=True)
    for ending in ("png", "svg"):
        effects_picture(result, figures / f"effects.{ending}")
        overlaps_picture(result, figures / f"overlaps.{ending}")
    pictures = {name: _embedded(figures / f"{name}.svg") for name in ("effects", "overlaps")}
    write_bytes(folder / PAGE, page_of(result, pictures).encode("utf-8", "replace"))
    return folder / PAGE


def page_of(result: TransferResult, pictures: dict[str, str]) -> str:
    """The page as text; pictures are data addresses."""
    environment = templates()
    environment.filters.update(
        rate=wording.rate, interval=wording.interval, number=wording.number, p_value=wording.p_value, mean=wording.mean
    )
    style = resources.files("headpursuit.report").joinpath("style.css").read_text(encoding="utf-8")
    model_name = Path(result.config.model).name or result.config.model
    return environment.get_template("transfer.html.j2").render(
        result=result,
        page_title=f"Transfer between {len(result.tasks)} tasks on {model_name}",
        model_name=model_name,
        style=Markup(style),
        pictures=pictures,
        marks=MARKS,
        names=[task.name for task in result.tasks],
    )


def effects_picture(result: TransferResult, path: Path) -> Path:
    """The tree and the matrix of effects, a row of random heads beneath."""
    names = result.effect_tree.names
    rows = [_effects(name, [result.cell(name, column) for column in names]) for name in names]
    columns = {column.name: column for column in result.columns}
    means = [wording.mean(columns[name].random) for name in names]
    random = MatrixRow("random heads", tuple(means), tuple(map(wording.rate, means)))
    label = "fraction of the score that is lost: heads of the row, questions of the column"
    return matrix_picture(result.effect_tree, rows, path, label=label, below=(random,), signed=True)


def overlaps_picture(result: TransferResult, path: Path) -> Path:
    """The tree and the matrix of Jaccard indices."""
    found = {frozenset(overlap.tasks): overlap for overlap in result.overlaps}
    sizes = {task.name: len(task.heads) for task in result.tasks}

    def row(name: str) -> MatrixRow:
        pairs = [found.get(frozenset((name, other))) for other in result.overlap_tree.names]
        values = tuple(1.0 if pair is None else pair.jaccard for pair in pairs)
        return MatrixRow(name, values, tuple(str(sizes[name] if p is None else len(p.shared)) for p in pairs))

    rows = [row(name) for name in result.overlap_tree.names]
    label = "Jaccard index of the edited heads; the numbers are shared heads"
    return matrix_picture(result.overlap_tree, rows, path, label=label)


def _effects(name: str, cells: Sequence[EffectCell]) -> MatrixRow:
    values = tuple(max(-1.0, min(1.0, cell.effect.value)) for cell in cells)
    texts = tuple(f"{wording.rate(cell.effect.value)} {MARKS[cell.word]}".strip() for cell in cells)
    return MatrixRow(name, values, texts)


def _embedded(picture: Path) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.read_bytes()).decode()}"
