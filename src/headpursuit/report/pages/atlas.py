"""The page of an atlas: a map of all heads, a search box, and a table that can be sorted."""

import math
from pathlib import Path

from headpursuit.analysis import Atlas
from headpursuit.analysis.atlases import LEVEL
from headpursuit.report import wording
from headpursuit.report.heatmap import finite, head_map, map_data
from headpursuit.report.page import Page
from headpursuit.report.parts.heads import heads_script, heads_style, layers_of, token_data

_SCORES = ("specificity", "explained", "z")


def page(folder: Path) -> Page:
    """The page of the atlas in a folder, `atlas.html`."""
    atlas = Atlas.load(folder)
    found = atlas.found(LEVEL)
    heads_of = {name: atlas.heads_for(name, LEVEL) for name in atlas.names}
    shown = max(atlas.names, key=lambda name: len(heads_of[name]))
    columns = {
        name: {score: _column(atlas, score, i) for score in (*_SCORES, "q")} for i, name in enumerate(atlas.names)
    }
    shown_values = columns[shown]["specificity"]
    content = {
        "atlas": atlas,
        "level": LEVEL,
        "found": found,
        "heads_of": heads_of,
        "shown": shown,
        "shown_values": shown_values,
        "map": head_map(dict(zip(atlas.heads, shown_values, strict=True)), "specificity", about=shown),
        "layers": layers_of(atlas.heads),
        "scores": _SCORES,
    }
    data = {
        **map_data(atlas.heads, columns),
        **token_data([e.tokens for e in atlas.explanations], [e.explained for e in atlas.explanations]),
        "concepts": [[finding.concept for finding in found[head]] for head in atlas.heads],
        "sortable": {
            "explained": [finite(e.total) for e in atlas.explanations],
            "best": [finite(found[head][0].specificity) if found[head] else -1.0 for head in atlas.heads],
        },
        "details": ["specificity", "explained", "q"],
        "fills": True,
    }
    title = f"Head atlas of {wording.short_name(atlas.identity.model)}"
    return Page(
        "pages/atlas.html.j2", title, content, data, style=heads_style(), script=heads_script(), name="atlas.html"
    )


def _column(atlas: Atlas, score: str, column: int) -> list[float]:
    # Of a z beyond this, nothing is said but that random dictionaries hardly vary.
    largest = wording.LARGEST_Z if score == "z" else math.inf
    return getattr(atlas, score)[:, column].clamp(-largest, largest).tolist()
