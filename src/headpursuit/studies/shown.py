"""What several results show alike in a terminal: a ranking, the heads that are edited, and a dose sheet."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from headpursuit.analysis import Ranking
from headpursuit.studies.kernel import Line, Shown, Table
from headpursuit.studies.results import DoseSheet, DoseWord, HeadNote

_MARKS = {
    DoseWord.GOOD: "",
    DoseWord.TOO_WEAK: " weak",
    DoseWord.OVER_INTERVENED: " broken",
    DoseWord.INCOHERENT: " babble",
    DoseWord.NOT_SPECIFIC: " any",
}
"""Words of doses, for tables of 80 columns."""


def ranking_shown(ranking: Ranking, top: int) -> Iterator[Shown]:
    """The best heads as a table, which words stood for the concept, and how many heads chance does not explain."""
    own = (f">{ranking.ranker}",) if ranking.ranker else ()
    rows = [
        (
            *(str(i), str(e.head)),
            *((f"{e.ranker_score:.3g}",) if own else ()),
            *(f"{e.explained:.3f}", f"{e.specificity:.3f}", f"{e.z:.1f}", _small(e.p), _small(e.q)),
        )
        for i, e in enumerate(ranking.entries[:top], 1)
    ]
    title = f"{ranking.concept}: best {len(rows)} of {len(ranking.entries)} heads by {ranking.score}"
    yield Table(title, (">", "head", *own, ">explained", ">specificity", ">z", ">p", ">q"), tuple(rows))
    dropped = f"; {len(ranking.dropped_words)} words have no token of their own" if ranking.dropped_words else ""
    yield Line(f"{len(ranking.tokens)} tokens stand for the concept{dropped}")
    if ranking.has_q:
        alike = " of the same form and frequency" if ranking.config.null == "matched" else ""
        yield Line(
            f"{len(ranking.found()) or 'no'} of {len(ranking.entries)} heads are explained better by the concept than "
            f"by as many random tokens{alike}, at a false-discovery rate of 5 % (q <= 0.05)"
        )


def heads_shown(heads: Iterable[str], notes: Iterable[HeadNote]) -> Iterator[Shown]:
    """What some heads write."""
    tokens = {note.head: note.tokens for note in notes}
    return (Line(f"{head} writes {' '.join(map(repr, tokens[head]))}") for head in heads)


def sheet_shown(sheet: DoseSheet[Any], title: str, rates: Callable[[Any], str]) -> Iterator[Shown]:
    """Heads down, scales across, the figures of each dose as `rates` writes those of an arm; and why the chosen one."""
    scales = list(dict.fromkeys(cell.scale for cell in sheet.cells))
    texts = {
        cell.dose: f"{rates(cell.arm)}{'*' if cell in sheet.front else ''}{_MARKS[cell.word]}" for cell in sheet.cells
    }
    texts[sheet.chosen.dose] = f"> {texts[sheet.chosen.dose]}"
    rows = [
        (str(n_heads), *(texts.get((n_heads, scale), "-") for scale in scales))
        for n_heads in dict.fromkeys(cell.n_heads for cell in sheet.cells)
    ]
    columns = (">heads", *(f">x {scale:g}" for scale in scales))
    yield Table(f"{title}; > chosen, * on the Pareto front", columns, tuple(rows))
    yield Line(sheet.sentence)
    if sheet.not_run:
        yield Line(f"Not measured, since the model had fallen apart at a milder dose: {len(sheet.not_run)} doses.")


def _small(probability: float | None) -> str:
    return "–" if probability is None else f"{probability:.2g}"
