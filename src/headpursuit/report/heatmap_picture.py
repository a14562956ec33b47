"""The map of heads as a picture in a file, and as a figure in a notebook."""

import textwrap
from collections.abc import Collection
from pathlib import Path
from typing import Any

from headpursuit.analysis import Ranking
from headpursuit.heads import Head
from headpursuit.report import colours, pictures
from headpursuit.report.heatmap import Grid, grid, ticks
from headpursuit.report.wording import short_name

_NAMES = {
    "specificity": "specificity (explained − mean of random dictionaries)",
    "explained": "explained fraction of the head's energy",
    "z": "z (specificity in standard deviations of random dictionaries)",
}


def heatmap(
    ranking: Ranking,
    path: Path | str,
    *,
    score: str | None = None,
    heads: Collection[Head] = (),
) -> Path:
    """Write the picture that `draw_heatmap` draws.

    Args:
        ranking: What to draw.
        path: Picture to write; its ending says the format: .png, .svg or .pdf.
        score: What the colours show; see `draw_heatmap`.
        heads: Heads to outline; by default the best tenth, at most ten.

    Returns:
        `path`.

    Raises:
        ValueError: If the format or score is unknown, a head is not in the ranking, or the ranking is empty.
    """
    path = Path(path)
    pictures.check_format(path)
    return pictures.write(draw_heatmap(ranking, score=score, heads=heads), path)


@pictures.style()
def draw_heatmap(ranking: Ranking, *, score: str | None = None, heads: Collection[Head] = ()) -> Any:
    """Draw every head of a model: layers upwards, heads to the right, blank where a layer has fewer heads.

    Args:
        ranking: What to draw.
        score: What the colours show: `specificity`, `explained`, `z`, or the name of the ranker that sorted the heads;
            by default what they are sorted by.
        heads: Heads to outline; by default the best tenth, at most ten.

    Returns:
        A figure of matplotlib, which a notebook shows.

    Raises:
        ValueError: If the score is unknown, a head is not in the ranking, or the ranking is empty.
    """
    score = score or ranking.score
    laid_out = grid(ranking, score)
    scores = ranking.by_head(score)
    missing = [str(head) for head in heads if head not in scores]
    if missing:
        raise ValueError(f"{', '.join(missing)} cannot be outlined: not in the ranking")
    marked = tuple(heads) or tuple(e.head for e in ranking.entries[: _n_outlined(len(ranking.entries))])
    figure = _draw(laid_out, score, marked)
    title = f"{ranking.concept}: heads of {short_name(ranking.model)}"
    title = textwrap.fill(title, int(11 * figure.get_figwidth()))
    figure.axes[0].set_title(title, loc="left", fontweight="bold", parse_math=False)
    rows = sorted(((str(h), scores[h]) for h in marked), key=lambda row: -row[1])
    _list_heads(figure, rows[:20], _found(ranking))
    return figure


def _draw(laid_out: Grid, score: str, marked: Collection[Head]) -> Any:
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    n_layers, n_heads = len(laid_out.values), len(laid_out.values[0])
    # Inches per cell: large enough to see one head, small enough for 80 x 64 of them on a page.
    cell = min(0.34, max(0.13, 11 / max(n_layers, n_heads)))
    width, height = max(3.2, cell * n_heads), max(2.4, cell * n_layers)
    figure = pictures.figure(width + 3.0, height + 1.2)
    axes = figure.add_subplot()
    axes.set_facecolor(colours.BLANK)
    image = axes.pcolormesh(
        [i - 0.5 for i in range(n_heads + 1)],
        [i - 0.5 for i in range(n_layers + 1)],
        laid_out.values,
        cmap=pictures.colour_map(laid_out.diverging),
        vmin=-laid_out.limit if laid_out.diverging else 0,
        vmax=laid_out.limit,
        edgecolors="white",
        linewidth=0.6 if cell > 0.2 else 0.25,
        # Thousands of cells as vectors are slow to open.
        rasterized=n_layers * n_heads > 2_000,
    )
    # Black on white, so that the outline is seen on pale and on dark cells.
    halo = [withStroke(linewidth=3.2, foreground="white")]
    for head in marked:
        corner = (head.index - 0.5, laid_out.sites.index(head.site) - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, ec="black", lw=1.4, zorder=3, path_effects=halo))
    axes.set_xticks(ticks(n_heads, cell, 0.28))
    named = ticks(n_layers, cell, 0.28)
    axes.set_yticks(named, [laid_out.sites[i].removeprefix("L") for i in named])
    axes.set_xlabel("head")
    axes.set_ylabel("layer (0 is next to the input)")
    axes.tick_params(length=2)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, location="bottom", fraction=0.04, pad=0.02, aspect=40)
    bar.set_label(_NAMES.get(score, score))
    bar.outline.set_visible(False)
    return figure


def _found(ranking: Ranking) -> str:
    """The number of heads that chance does not explain; nothing for rankings without q-values."""
    return f"\n\nq ≤ 0.05:\n{len(ranking.found())} of {len(ranking.entries)}" if ranking.has_q else ""


def _list_heads(figure: Any, rows: list[tuple[str, float]], note: str) -> None:
    lines = "\n".join(f"{name:<7} {value:>7.3f}" for name, value in rows)
    figure.axes[0].annotate(
        f"outlined\n{lines}{note}",
        (1, 1),
        xytext=(10, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        va="top",
        family="monospace",
        fontsize=8,
        linespacing=1.5,
        parse_math=False,
    )


def _n_outlined(n_heads: int) -> int:
    return max(1, min(10, n_heads // 10))
