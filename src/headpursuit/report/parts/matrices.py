"""A matrix over tasks beside the tree that orders it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headpursuit.report import pictures
from headpursuit.report.colours import BLANK
from headpursuit.studies.experiments.transfer import Clustering


@dataclass(frozen=True)
class MatrixRow:
    """One row of a picture."""

    name: str
    values: tuple[float, ...]
    """Colours, at most 1, in the order of the columns."""
    texts: tuple[str, ...]
    """The text in each cell."""


@pictures.style()
def draw_matrix(
    tree: Clustering, rows: Sequence[MatrixRow], *, label: str, below: Sequence[MatrixRow] = (), signed: bool = False
) -> Any:
    """Draw a tree and, in the order of its leaves, a matrix over the same tasks.

    Args:
        tree: Its `names` are the columns of every row.
        rows: One for each task.
        label: What the colours show.
        below: Further rows beneath the matrix, which are no part of the tree.
        signed: Whether values go down to -1 instead of 0.

    Returns:
        A figure of matplotlib.
    """
    n, height = len(tree.names), len(rows) + len(below)
    figure = pictures.figure(4.6 + 1.0 * n, 1.9 + 0.5 * height)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1.2, 0.9 * n]}, sharey=True)
    _draw_tree(left, tree)
    places = [tree.names.index(name) for name in tree.order]
    by_name = {row.name: row for row in rows}
    ordered = [*(by_name[name] for name in tree.order), *below]
    image = draw_cells(right, ordered, places, signed)
    if below:
        right.axhline(n - 0.5, color="white", linewidth=5)
    right.set_xticks(range(n), tree.order, rotation=30, ha="left", rotation_mode="anchor")
    right.set_yticks(range(height), [row.name for row in ordered])
    right.tick_params(length=0, top=False, labeltop=True, labelbottom=False, left=False, labelleft=True)
    right.set_ylim(height - 0.5, -0.5)
    bar = figure.colorbar(image, ax=right, location="bottom", fraction=0.05, pad=0.03, aspect=40)
    bar.set_label(label)
    bar.outline.set_visible(False)
    return figure


def draw_cells(axes: Any, rows: Sequence[MatrixRow], places: Sequence[int], signed: bool = False) -> Any:
    """Draw the cells of a matrix; `places` are the columns' numbers in the order in which they stand."""
    axes.set_facecolor(BLANK)
    image = axes.pcolormesh(
        [i - 0.5 for i in range(len(places) + 1)],
        [i - 0.5 for i in range(len(rows) + 1)],
        [[row.values[place] for place in places] for row in rows],
        cmap=pictures.colour_map(signed),
        vmin=-1 if signed else 0,
        vmax=1,
        edgecolors="white",
        linewidth=1.2,
    )
    for y, row in enumerate(rows):
        for x, place in enumerate(places):
            ink = "white" if abs(row.values[place]) > 0.6 else "black"
            axes.text(x, y, row.texts[place], ha="center", va="center", color=ink, fontsize=8, parse_math=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return image


def _draw_tree(axes: Any, tree: Clustering) -> None:
    """The tree with its root at the left and a leaf beside each row; a merge stands at its distance."""
    import numpy as np
    from scipy.cluster.hierarchy import dendrogram

    drawn = dendrogram(np.array(tree.merges), no_plot=True)
    for heights, across in zip(drawn["dcoord"], drawn["icoord"], strict=True):
        # scipy puts leaves at 5, 15, 25, ...
        axes.plot(
            heights, [(place - 5) / 10 for place in across], color="#444444", linewidth=1.2, solid_capstyle="butt"
        )
    axes.set_xlim(1.05, 0)
    axes.set_xticks([1, 0.5, 0], ["1", "0.5", "0"])
    axes.set_xlabel("distance")
    axes.tick_params(left=False, labelleft=False, length=2)
    axes.spines["left"].set_visible(False)
