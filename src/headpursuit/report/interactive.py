"""The data of the page's interactive heatmap: plain lists that the page's own script draws."""

import html
import math
from collections.abc import Collection, Sequence
from typing import Any

from headpursuit.analysis import Ranking
from headpursuit.report import wording
from headpursuit.report.heatmaps import grid, map_scores
from headpursuit.studies.results import HeadNote

TOKENS_SHOWN = 8
"""Tokens in a head's label."""


def heatmap_data(ranking: Ranking, notes: Sequence[HeadNote], edited: Collection[str]) -> dict[str, Any]:
    """Scores and labels of all heads; `edited` are the names of those that are rescaled.

    Returns:
        `scores`: of each score `values` (layers x heads, null for no such head), `limit` and `diverging`;
        `labels` (layers x heads) in the drawing library's own mark-up, with everything a model wrote escaped;
        `edited` as [layer, head] pairs; `score`, the one shown first.
    """
    scores: dict[str, dict[str, Any]] = {}
    for name in map_scores(ranking):
        laid_out = grid(ranking, name)
        values = [[finite(v) for v in row] for row in laid_out.values]
        scores[name] = {"values": values, "limit": laid_out.limit, "diverging": laid_out.diverging}
    sites, rows = grid(ranking, "explained").sites, scores["explained"]["values"]
    labels: list[list[str]] = [[""] * len(rows[0]) for _ in rows]
    tokens = {note.head: note.tokens for note in notes}
    for entry in ranking.entries:
        lines = [
            f"<b>{entry.head}</b>" + (" · edited" if str(entry.head) in edited else ""),
            *([f"{ranking.ranker} {entry.ranker_score:.3g}"] if ranking.ranker else []),
            f"explained {wording.score(entry.explained)}",
            f"specificity {wording.score(entry.specificity)}",
            f"z {wording.z_score(entry.z)}",
            *_token_lines(tokens.get(str(entry.head), ())),
        ]
        labels[sites.index(entry.head.site)][entry.head.index] = "<br>".join(lines)
    return {
        "scores": scores,
        "score": ranking.score,
        "labels": labels,
        "edited": [[sites.index(e.head.site), e.head.index] for e in ranking.entries if str(e.head) in edited],
    }


def _token_lines(tokens: tuple[str, ...]) -> list[str]:
    # The library reads labels as mark-up, so `<` in a token must arrive as an entity.
    shown = [html.escape(wording.token(t), quote=False) for t in tokens[:TOKENS_SHOWN]]
    return ["  ".join(shown[i : i + 4]) for i in range(0, len(shown), 4)]


def finite(value: float) -> float | None:
    """JSON knows neither NaN nor infinity; five digits are more than the colours show."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
