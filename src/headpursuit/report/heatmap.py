"""The map of a model's heads: layers upwards, heads to the right, coloured by a score.

The page's map is plain SVG, complete without any script; `heatmap.js` lets it be pointed at, clicked, and walked with
the arrow keys. `heatmap_picture` draws the same map as a file.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from headpursuit.analysis import Ranking
from headpursuit.heads import Head, site_name, site_order
from headpursuit.report import colours, wording
from headpursuit.report.page import fragment, own_file

MapScore = Literal["explained", "specificity", "z"]

_LEFT, _BELOW, _HEIGHT, _GAP = 38, 18, 16, 2
"""In pixels: room for the layers' names and the heads' numbers, a row, and what lies between cells."""


@dataclass(frozen=True)
class Grid:
    """One score of every head, by layer and head."""

    sites: tuple[str, ...]
    """The site in each row, from the input upwards: `L12`, or `L12X` for cross-attention."""
    values: tuple[tuple[float, ...], ...]
    """Sites from below, heads from 0; NaN where there is no such head, or the score is not finite."""
    limit: float
    """Colours span 0 to `limit`, or minus to plus `limit` for scores that can be negative."""
    diverging: bool


def map_scores(ranking: Ranking) -> tuple[str, ...]:
    """The scores of a ranking that can be drawn."""
    return (*get_args(MapScore), *filter(None, (ranking.ranker,)))


def grid(ranking: Ranking, score: str) -> Grid:
    """Lay a ranking out by layer and head.

    Raises:
        ValueError: If the score is unknown or the ranking is empty.
    """
    if score not in map_scores(ranking):
        raise ValueError(f"unknown score {score!r}; choose one of {', '.join(map_scores(ranking))}")
    if not ranking.entries:
        raise ValueError(f"the ranking for {ranking.concept!r} has no heads to draw")
    scores = ranking.by_head(score)
    sites = sites_of(scores)
    rows = [[math.nan] * (1 + max(head.index for head in scores)) for _ in sites]
    for head, value in scores.items():
        rows[sites.index(head.site)][head.index] = value if math.isfinite(value) else math.nan
    return Grid(sites, tuple(map(tuple, rows)), limit_of(scores.values(), score), score != "explained")


def sites_of(heads: Collection[Head]) -> tuple[str, ...]:
    """The rows of a map from the input upwards; a layer without heads keeps a blank one, so that heights are layers."""
    blank = set(range(1 + max(head.layer for head in heads))) - {head.layer for head in heads}
    return tuple(sorted({head.site for head in heads} | {site_name(layer) for layer in blank}, key=site_order))


def limit_of(values: Iterable[float | None], score: str = "") -> float:
    """The size of a value that is drawn in full colour: the largest, and of `z` the largest but for one in a hundred.

    A head whose random dictionaries all explain the same has an enormous z; it must not bleach the others.
    """
    sizes = sorted(abs(value) for value in values if value is not None and math.isfinite(value))
    if not sizes:
        return 1.0
    return (sizes[int(0.99 * (len(sizes) - 1))] if score == "z" else sizes[-1]) or 1.0


def ticks(count: int, size: float | int, room: float | int) -> range:
    """The rows or columns that are named: those that leave `room` for a name."""
    return range(0, count, next((step for step in (1, 2, 5) if step * size >= room), 10))


def map_data(heads: Sequence[Head], columns: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, Any]:
    """A map's data, for the scripts.

    Args:
        heads: In the order of all other lists.
        columns: By what is chosen, and by the score, a value of each head.

    Returns:
        `heads` by name; `places`, a row of `sites` and a column of each; `columns`, with null for what is no number;
        `limits`, by the same names the size that has full colour.
    """
    sites = sites_of(heads)
    return {
        "heads": [str(head) for head in heads],
        "places": [[sites.index(head.site), head.index] for head in heads],
        "sites": sites,
        "columns": {
            name: {score: [finite(value) for value in values] for score, values in scores.items()}
            for name, scores in columns.items()
        },
        "limits": {
            name: {score: finite(limit_of(values, score)) for score, values in scores.items()}
            for name, scores in columns.items()
        },
    }


def head_map(
    scores: Mapping[Head, float], score: str, *, about: str = "", edited: Collection[Head] = (), chosen: str = ""
) -> str:
    """The map as SVG: a cell for every head, which scripts find by its `data-head`.

    Args:
        scores: Of every head, best first.
        score: What they are called.
        about: What they are about: a concept, say.
        edited: Heads to outline.
        chosen: The head that is looked at, by name.
    """
    sites, limit = sites_of(scores), limit_of(scores.values(), score)
    names = {str(head): head for head in scores}
    n_heads = 1 + max(head.index for head in scores)
    width, bottom = max(12, min(40, 640 // n_heads)), _HEIGHT * len(sites)
    cells = [
        {
            "head": name,
            "x": _LEFT + width * head.index,
            "y": bottom - _HEIGHT * (1 + sites.index(head.site)),
            "share": round(100 * min(1.0, abs(scores[head]) / limit), 1) if math.isfinite(scores[head]) else 0,
            "value": wording.score(scores[head]),
            "look": " ".join(["head", *["negative"] * (scores[head] < 0), *["edited"] * (head in edited)]),
        }
        for name, head in names.items()
    ]
    return fragment(
        "heatmap.html.j2",
        layers=[(bottom - _HEIGHT * (row + 0.5), site) for row, site in reversed(list(enumerate(sites)))],
        numbers=[(_LEFT + width * (i + 0.5), i) for i in ticks(n_heads, width, 18)],
        cells=sorted(cells, key=lambda cell: (cell["y"], cell["x"])),
        left=_LEFT,
        width=width - _GAP,
        least=_LEFT + 7 * n_heads,
        focus=chosen if chosen in names else next(iter(names)),
        chosen=chosen,
        size=(_LEFT + width * n_heads, bottom + _BELOW),
        score=score,
        about=about,
        limit=wording.score(limit),
        negative=any(value < 0 for value in scores.values()),
    )


def map_style() -> str:
    """The look of the map; `light-dark` takes the colours of the ground it is on."""
    pairs = {"high": colours.HIGH, "low": colours.LOW, "zero": colours.ZERO}
    own = "".join(f"--map-{name}: light-dark({light}, {dark}); " for name, (light, dark) in pairs.items())
    return f".head-map {{ {own}}}\n" + own_file("heatmap.css")


def finite(value: float) -> float | None:
    """JSON knows neither NaN nor infinity; five digits are more than the colours show."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
