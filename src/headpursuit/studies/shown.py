"""Parts that several results show alike in a terminal: a ranking, the edited heads, a dose sheet, a growth."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import mean
from typing import Any

from headpursuit.analysis import Ranking
from headpursuit.heads import edit_in_words
from headpursuit.studies.judging.ladder import climbed
from headpursuit.studies.kernel import Line, Shown, Table
from headpursuit.studies.results import (
    Balance,
    DoseCell,
    DoseSheet,
    DoseWord,
    Estimate,
    Grown,
    HeadNote,
    LongAnswers,
    Restatement,
    RungResult,
)

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
    n_dropped, n_tokens, n_heads = len(ranking.dropped_words), len(ranking.tokens), len(ranking.entries)
    lost = f"{n_dropped} words have no token of their own" if n_dropped > 1 else "1 word has no token of its own"
    dropped = f"; {lost}" if n_dropped else ""
    yield Line(f"{n_tokens} {'tokens stand' if n_tokens > 1 else 'token stands'} for the concept{dropped}")
    if not ranking.has_q:
        return
    n_found, n_draws = len(ranking.found()), ranking.config.n_draws
    found = f"{n_found or 'none'} of {n_heads} heads {'is' if n_found <= 1 else 'are'}"
    alike = " of the same form and frequency" if ranking.config.null == "matched" else ""
    yield Line(
        f"{found} explained better by the concept than by as many random tokens{alike}, at a false-discovery rate of "
        "5 % (q <= 0.05)"
    )
    if any((e.q or 0) < (e.p or 0) for e in ranking.entries[:top]):
        yield Line(
            f"p looks at one head and its own {n_draws} random dictionaries, so it is at least "
            f"{1 / (1 + n_draws):.2g}; q looks at all heads and all their dictionaries, so it can be below p"
        )


def heads_shown(heads: Iterable[str], notes: Iterable[HeadNote]) -> Iterator[Shown]:
    """Lines of the tokens that some heads write."""
    tokens = {note.head: note.tokens for note in notes}
    return (Line(f"{head} writes {' '.join(map(repr, tokens[head]))}") for head in heads)


def grown_shown(grown: Grown) -> Iterator[Shown]:
    """The finalists, beside what they promised."""
    rows = [
        (
            "*" if number == grown.chosen else "=" if number in grown.ties else "",
            edit_in_words(one.edit),
            f"{one.promised:.2f}",
            f"{one.loss:.2f}",
            "-" if one.effect is None else f"{one.effect:.2f}",
            "-" if one.damage is None else f"{one.damage:.2f}",
        )
        for number, one in enumerate(grown.finalists)
    ]
    columns = ("", "edit", ">effect, by margins", ">loss, at most", ">effect, by answers", ">damage")
    title = (
        f"an edit grown by what it does: {grown.n_screened} heads tried, {grown.n_effects} effects and "
        f"{grown.n_damages} damages measured by the margins of {grown.what}; the finalists by answers to selection "
        "questions (* taken, = does as well; damage above 1 is over-intervened)"
    )
    yield Table(title, columns, tuple(rows))
    if grown.plain:
        yield Line(f"Every pass was a whole one: {grown.plain}.")
    elif grown.kept:
        yield Line(grown.kept)


def promised_shown(grown: Grown, promised: Balance, found: Balance) -> Table:
    """Effect and damage of the grown edit, as they were promised and as they came out."""
    rows = (
        ("target taken or added", grown.taken.promised, promised.effect, found.effect),
        ("unrelated lost", grown.taken.loss, promised.loss, found.loss),
    )
    columns = ("", ">by margins, grown on", ">by answers, selection", ">by answers, held out")
    title = "promised and found: the edit on the questions it was grown on, chosen on, and judged on"
    return Table(title, columns, tuple((name, *(f"{value:.2f}" for value in values)) for name, *values in rows))


def sheet_shown(sheet: DoseSheet[Any], title: str, rates: Callable[[Any], str]) -> Iterator[Shown]:
    """Heads down, scales across, the figures of each dose as `rates` writes those of an arm; and why the chosen one."""

    def text(cell: DoseCell[Any] | None) -> str:
        if cell is None:
            return "-"
        mark = f"{'*' if cell in sheet.front else ''}{_MARKS[cell.word]}"
        return f"{'> ' if cell == sheet.chosen else ''}{rates(cell.arm)}{mark}"

    rows = [(str(n_heads), *map(text, cells)) for n_heads, cells in sheet.rows]
    columns = (">heads", *(f">× {scale:g}" for scale in sheet.scales))
    yield Table(f"{title}; > chosen, * on the Pareto front", columns, tuple(rows))
    yield Line(sheet.sentence)
    if sheet.not_run:
        yield Line(f"Not measured, since the model had fallen apart at a milder dose: {len(sheet.not_run)} doses.")


def _small(probability: float | None) -> str:
    return "–" if probability is None else f"{probability:.2g}"


def ladder_shown(ladder: Sequence[RungResult]) -> Iterator[Shown]:
    """The rungs under every arm that was asked: the score of the unedited model, and what each arm leaves of it."""
    if not ladder:
        return
    arms = [(arm.name, arm.kind) for arm in max(ladder, key=lambda rung: len(rung.arms)).arms]
    others = [name for name, kind in arms if kind not in ("base", "edit", "matched")]
    rows = []
    for rung in ladder:
        by_name = {arm.name: arm for arm in rung.arms}
        drawn = [arm.left.value for arm in rung.of("matched") if arm.left]
        mean = f"{sum(drawn) / len(drawn):.2f}" if drawn else "-"
        beside = (_value(by_name[name].left) if name in by_name else "-" for name in others)
        unedited = f"{rung.arms[0].answers.score.value:.2f}"
        name = f"{rung.name} (sibling)" if rung.is_sibling else rung.name
        rows.append((name, unedited, str(rung.of("edit")[0].left or "-"), mean, *beside))
    columns = ("rung", ">unedited", ">edit leaves", ">random heads", *(f">{name}" for name in others))
    yield Table("ladder: the unedited score, and the fraction of it that is left", columns, tuple(rows))
    yield from (Line(text) for text in climbed(ladder))


def _value(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{estimate.value:.2f}"


def long_shown(long: Sequence[LongAnswers]) -> Iterator[Shown]:
    """Long answers, greedy and sampled: what each arm leaves of the unedited scores, and how many are degenerate."""
    for one in long:
        rows = []
        for arm in one.arms:
            unedited = "" if arm.left else "1 (unedited)"
            n = arm.target.n_questions if arm.target else 0
            score = f"{arm.target.score.value:.2f}" if arm.target else "-"
            left = (str(arm.left or unedited or "-"), str(arm.unrelated_left or unedited or "-"))
            rows.append((arm.name, f"{arm.degenerate:.0%}", str(n), score, *left))
        columns = ("arm", ">degenerate", ">target questions", ">target", ">left", ">unrelated left")
        title = f"answers of {one.n_tokens} tokens, {one.decoding}: what is left of the unedited scores"
        yield Table(title, columns, tuple(rows))


def restated_shown(restated: Sequence[Restatement]) -> Iterator[Shown]:
    """Whole sentences as base, edit and random heads write them; of several draws the mean."""
    rows = []
    for kind in dict.fromkeys(one.kind for one in restated):
        of_kind = [one for one in restated if one.kind == kind]
        name = of_kind[0].arm if len(of_kind) == 1 else f"{kind}, mean of {len(of_kind)}"
        figures = [f"{mean(each):{form}}" for each, form in _columns(of_kind)]
        rows.append((name, *figures))
    if rows:
        title = "held-out sentences: word errors without the concept's words, chrF and BLEU with them"
        yield Table(title, ("arm", ">word errors", ">chrF", ">BLEU"), tuple(rows))


def _columns(restated: Sequence[Restatement]) -> tuple[tuple[list[float], str], ...]:
    return (
        ([one.word_errors for one in restated], ".2f"),
        ([one.chrf for one in restated], ".1f"),
        ([one.bleu for one in restated], ".1f"),
    )
