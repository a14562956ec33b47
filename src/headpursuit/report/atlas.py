"""The page of an atlas: a map of all heads, a search box, and a table that can be sorted."""

import math
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from headpursuit.analysis import Atlas, Explanation
from headpursuit.analysis.atlases import LEVEL
from headpursuit.heads import Head, site_order
from headpursuit.report import wording
from headpursuit.report.interactive import finite
from headpursuit.report.pages import templates
from headpursuit.storage import write_bytes

ATLAS_PAGE = "atlas.html"

_SCORES = ("specificity", "explained", "z")


def render_atlas(folder: Path | str) -> Path:
    """Write an atlas's page into its folder, over any that is there.

    Args:
        folder: A folder written by `Atlas.save`; no model is loaded.

    Returns:
        The path of `atlas.html`.

    Raises:
        FileNotFoundError: If there is no atlas.
        ValueError: If it is damaged or something else.
    """
    page = Path(folder) / ATLAS_PAGE
    # Half a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a question mark.
    write_bytes(page, page_of(Atlas.load(folder)).encode("utf-8", "replace"))
    return page


def page_of(atlas: Atlas) -> str:
    """The page as text; the same atlas gives the same page."""
    model_name = Path(atlas.identity.model).name or atlas.identity.model or "a model"
    found = atlas.found(LEVEL)
    heads_of = {name: atlas.heads_for(name, LEVEL) for name in atlas.names}
    shown = max(atlas.names, key=lambda name: len(heads_of[name]))
    columns = {
        name: {score: _column(atlas, score, i) for score in (*_SCORES, "q")} for i, name in enumerate(atlas.names)
    }
    return (
        atlas_templates()
        .get_template("atlas.html.j2")
        .render(
            page_title=f"Head atlas of {model_name}",
            model_name=model_name,
            atlas=atlas,
            level=LEVEL,
            found=found,
            heads_of=heads_of,
            shown=shown,
            shown_values=columns[shown]["specificity"],
            sites=sites_of(atlas.heads),
            scores=_SCORES,
            data={
                **map_data(atlas.heads, columns),
                "tokens": [searched(e) for e in atlas.explanations],
                "visible": [[wording.token(token) for token in e.tokens] for e in atlas.explanations],
                "curves": [[finite(value) for value in e.explained] for e in atlas.explanations],
                "concepts": [[finding.concept for finding in found[head]] for head in atlas.heads],
                "sortable": {
                    "explained": [finite(e.total) for e in atlas.explanations],
                    "best": [finite(found[head][0].specificity) if found[head] else -1.0 for head in atlas.heads],
                },
                "fills": True,
            },
            **own_files(),
        )
    )


def atlas_templates() -> Any:
    """The templates with what pages of atlases write in them."""
    environment = templates()
    environment.filters.update(token=wording.token, score=wording.score)
    return environment


def own_files() -> dict[str, Markup]:
    """Style and script of a page of heads."""
    folder = resources.files("headpursuit.report")
    read = {name: folder.joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "atlas.css", "atlas.js")}
    return {"style": Markup(read["style.css"] + read["atlas.css"]), "script": Markup(read["atlas.js"])}


def sites_of(heads: Sequence[Head]) -> list[str]:
    """Layers, cross-attention apart, from the input upwards."""
    return sorted({head.site for head in heads}, key=site_order)


def map_data(heads: Sequence[Head], columns: dict[str, dict[str, list[float | None]]]) -> dict[str, Any]:
    """What the script draws the map from: where each head is, and what can be shown of it.

    Args:
        heads: In the order of all other lists.
        columns: By what is chosen, and by the score, a value of each head.
    """
    sites = sites_of(heads)
    return {
        "heads": [str(head) for head in heads],
        "places": [[sites.index(head.site), head.index] for head in heads],
        "sites": sites,
        "columns": columns,
    }


def searched(explanation: Explanation) -> list[str]:
    """What a search looks for in a head's tokens: small letters without space around them."""
    return [token.strip().lower() for token in explanation.tokens]


def _column(atlas: Atlas, score: str, column: int) -> list[float | None]:
    # The map's darkest colour is for the largest value: beyond this a z only says that random dictionaries hardly vary.
    largest = wording.LARGEST_Z if score == "z" else math.inf
    values = getattr(atlas, score)[:, column].clamp(-largest, largest)
    return [finite(value) for value in values.tolist()]
