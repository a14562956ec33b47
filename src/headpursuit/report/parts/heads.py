"""All heads of a model on a page: the map, the search, the table that can be sorted, and the chosen head."""

from collections.abc import Collection, Sequence
from typing import Any

from headpursuit.analysis import Ranking
from headpursuit.analysis.rankers import RANKERS
from headpursuit.heads import Head
from headpursuit.report import wording
from headpursuit.report.heatmap import finite, head_map, map_data, map_scores, map_style, sites_of
from headpursuit.report.page import own_file
from headpursuit.studies.results import HeadNote

HEADS_SHOWN = 30
"""Best heads in the table before all are asked for."""

HEADS_LISTED = 400
"""Heads in the table in all; the map and its data hold every one."""


def heads_style() -> str:
    """The look of a page of heads."""
    return map_style() + own_file("parts/heads.css")


def heads_script() -> str:
    """The scripts of such a page."""
    return own_file("heatmap.js") + own_file("parts/heads.js")


def layers_of(heads: Collection[Head]) -> list[tuple[int, str]]:
    """The rows of the map that have heads: number and name."""
    found = {head.site for head in heads}
    return [(row, site) for row, site in enumerate(sites_of(heads)) if site in found]


def searched(tokens: Sequence[str]) -> list[str]:
    """A head's tokens as a search sees them: small letters without space around them."""
    return [token.strip().lower() for token in tokens]


def ranked_heads(ranking: Ranking, notes: Sequence[HeadNote], edited: Collection[str]) -> dict[str, Any]:
    """Content for the template of a ranking's heads; `edited` are the names of those that are rescaled."""
    tokens = {note.head: note.tokens for note in notes}
    return {
        "ranker_what": RANKERS[ranking.ranker].what if ranking.ranker in RANKERS else "",
        "map": head_map(
            ranking.by_head(),
            ranking.score,
            about=ranking.concept,
            edited=[entry.head for entry in ranking.entries if str(entry.head) in edited],
        ),
        "layers": layers_of(ranking.by_head()),
        "scores": sorted(map_scores(ranking), key=lambda score: score != ranking.score),
        "head_rows": [
            (rank, entry, str(entry.head) in edited, tokens.get(str(entry.head), ()))
            for rank, entry in enumerate(ranking.entries[:HEADS_LISTED], 1)
        ],
        "heads_shown": HEADS_SHOWN,
    }


def ranked_data(ranking: Ranking, notes: Sequence[HeadNote], edited: Collection[str]) -> dict[str, Any]:
    """Data for the script of a ranking's heads, best first."""
    by_head = {note.head: note for note in notes}
    found = [by_head.get(str(entry.head), HeadNote(str(entry.head), (), ())) for entry in ranking.entries]
    scores = {score: list(ranking.by_head(score).values()) for score in map_scores(ranking)}
    heads = [entry.head for entry in ranking.entries]
    order = {head: place for place, head in enumerate(sorted(heads))}
    return {
        **map_data(heads, {ranking.concept: scores}),
        **token_data([note.tokens for note in found], [note.explained for note in found]),
        "concepts": [[] for _ in found],
        "edited": sorted(edited),
        "details": list(scores),
        "sortable": {"head": [order[head] for head in heads]},
        "most": HEADS_SHOWN,
    }


def token_data(tokens: Sequence[Sequence[str]], explained: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Data of every head's tokens for the script: as they are searched, as they are shown, what they explain."""
    return {
        "tokens": [searched(of_head) for of_head in tokens],
        "visible": [[wording.token(token) for token in of_head] for of_head in tokens],
        "curves": [[finite(value) for value in of_head] for of_head in explained],
    }
