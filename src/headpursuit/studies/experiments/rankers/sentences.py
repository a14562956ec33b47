"""A comparison of rankers in sentences, and as terminals show it."""

from collections.abc import Iterator, Mapping, Sequence

from headpursuit.analysis.rankers import DEFAULT
from headpursuit.heads import edit_in_words
from headpursuit.studies.experiments.rankers.oracle import kind_of
from headpursuit.studies.experiments.rankers.result import (
    Contrast,
    GrownFigure,
    RankedCell,
    RankerRow,
    RankersResult,
    TaskComparison,
)
from headpursuit.studies.judging.terms import WORDS, percent
from headpursuit.studies.kernel import Line, Shown, Table
from headpursuit.studies.measures import Thresholds
from headpursuit.studies.results import Estimate
from headpursuit.studies.tasks import Direction


def of_task(
    rows: Sequence[RankerRow],
    contrasts: Sequence[Contrast],
    cells: Sequence[RankedCell],
    direction: Direction,
    counted: str,
    ceiling: GrownFigure | None,
    shortlists: Sequence[GrownFigure],
) -> tuple[str, ...]:
    """The score that does best, those that beat the default, whether linear ones lose heads, and the ceiling."""
    return (
        _best(rows, direction, counted),
        better_than_default({r.ranker: r.better for r in rows}),
        _linearity(rows, contrasts, cells),
        *([_ceiling(rows, ceiling, shortlists)] if ceiling else []),
    )


def few_questions(n_target: int, n_unrelated: int) -> list[str]:
    """That there are too few questions to tell much; nothing if there are enough."""
    fewest = Thresholds.fewest_questions
    few = [f"{n} {group}" for n, group in ((n_target, "target"), (n_unrelated, "unrelated")) if 0 < n < fewest]
    rest = f"questions are held out: with fewer than {fewest} only large changes can be told."
    return [f"Only {' and '.join(few)} {rest}"] if few else []


def _ceiling(rows: Sequence[RankerRow], ceiling: GrownFigure, shortlists: Sequence[GrownFigure]) -> str:
    """The reach of an edit grown by what it does, and the share of it that each kind of score finds."""
    if ceiling.edit is None or ceiling.effect.value <= 0:
        return "No edit grown by what it does changes the target without damage: there is no ceiling to compare with."
    heads = edit_in_words(ceiling.edit)
    shares = {row.ranker: row.share for row in rows if row.share is not None and is_compared(row.ranker)}
    best = max(shares, key=lambda name: shares[name])
    screened = next((row.share for row in rows if row.ranker == "screen"), None)
    alone = f"; the best heads of a screen of single heads {percent(screened)}" if screened is not None else ""
    among = "".join(
        f" Grown among the {each.n_among} best heads of {each.among}, an edit reaches {percent(each.share or 0.0)} "
        f"of it, with {percent(each.passes / ceiling.passes)} of the passes."
        for each in shortlists
    )
    return (
        f"The ceiling is {percent(ceiling.effect.value)}, of {heads}, grown by what it does. Of that, {best} reaches "
        f"{percent(shares[best])}, the most of all scores that edit nothing{alone}.{among}"
    )


def is_compared(name: str) -> bool:
    """True for a score that reads heads; random orders and the oracle's are what these are measured against."""
    return kind_of(name) not in ("random", "oracle")


def better_than_default(differences: Mapping[str, Estimate | None]) -> str:
    """Scores that do better than the default, with intervals that exclude 0."""
    compared = {n: d for n, d in differences.items() if d is not None and is_compared(n)}
    better = {name: d for name, d in compared.items() if d.low > 0}
    worse = [name for name, d in compared.items() if d.high < 0]
    if not compared:
        return f"Nothing was compared with {DEFAULT}."
    if better:
        ordered = sorted(better.items(), key=lambda item: -item[1].value)
        listed = "; ".join(f"{n} ({d.value:+.2f}, {d.low:+.2f} to {d.high:+.2f})" for n, d in ordered)
        start = f"Better than {DEFAULT}, with intervals that exclude 0: {listed}."
    else:
        start = f"No score does better than {DEFAULT} with an interval that excludes 0."
    end = f"Worse with such an interval: {', '.join(worse)}. " if worse else ""
    by_chance = f"about {len(compared) * 0.025:.1f} would lie above 0 like this by chance alone"
    return f"{start} {end}Of {len(compared)} comparisons, {by_chance}."


def over_tasks(
    mean_ranks: Mapping[str, float], pooled: Mapping[str, Estimate], shares: Mapping[str, float | None], n_tasks: int
) -> tuple[str, ...]:
    """Mean places, the averages over tasks, and the share of the ceiling."""
    scored = {name: rank for name, rank in mean_ranks.items() if is_compared(name)}
    first = min(scored, key=lambda name: scored[name])
    places = f"Over {n_tasks} tasks and all numbers of heads, {first} has the best mean place ({scored[first]:.1f}"
    rest = ")" if first == DEFAULT else f"; {DEFAULT}: {scored[DEFAULT]:.1f})"
    found = [
        f"{places}{rest} of {len(mean_ranks)} rankers.",
        f"On average over tasks: {better_than_default(pooled)}",
    ]
    known = {name: share for name, share in shares.items() if share is not None and is_compared(name)}
    if known:
        best = sorted(known, key=lambda name: -known[name])[:3]
        listed = ", ".join(f"{name} ({percent(known[name])})" for name in best)
        found.append(f"Of the ceiling, on average over tasks, most is reached by the best heads of {listed}.")
    return tuple(found)


def _best(rows: Sequence[RankerRow], direction: Direction, counted: str) -> str:
    scored = [row for row in rows if is_compared(row.ranker)]
    best, usual = max(scored, key=lambda row: round(row.mean.value, 9)), scored[0]
    chance = next((row for row in rows if kind_of(row.ranker) == "random"), None)
    beside = f"; random heads {percent(chance.mean.value)}" if chance else ""
    what = f"{WORDS[direction].verb} the target score ({counted})"
    if best.ranker == usual.ranker:
        return (
            f"{DEFAULT}, the default, does most: on average over numbers of heads its best heads {what} by "
            f"{percent(usual.mean.value)} without damage{beside}."
        )
    return (
        f"{best.ranker} does most: on average over numbers of heads its best heads {what} by "
        f"{percent(best.mean.value)} without damage; those of {DEFAULT}, the default, by "
        f"{percent(usual.mean.value)}{beside}."
    )


def _linearity(rows: Sequence[RankerRow], contrasts: Sequence[Contrast], cells: Sequence[RankedCell]) -> str:
    """The answer to whether scores that see more than a linear map find heads that do more."""
    probes = next((c for c in contrasts if (c.one, c.other) == ("nonlinear-probe", "linear-probe")), None)
    nonlinear = [row for row in rows if kind_of(row.ranker) == "nonlinear"]
    linear = [row for row in rows if kind_of(row.ranker) == "linear"]
    if not nonlinear:
        return "Whether linear methods lose heads was not asked: no nonlinear ranker was compared."
    ahead = [row.ranker for row in nonlinear if row.better is not None and row.better.low > 0]
    gains = probes is not None and probes.difference.low > 0
    if ahead or gains:
        who = ", ".join(dict.fromkeys([*ahead, *(["nonlinear-probe"] if gains else [])]))
        start = f"Linear methods lose heads here: {who} finds heads that do more"
    else:
        start = "Linear methods lose no heads that shows here: no nonlinear ranker does surely more"
    between = ""
    if probes is not None:
        d = probes.difference
        between = (
            f"; the effect of the nonlinear probe's heads minus that of the linear probe's is {d.value:+.2f} "
            f"({d.low:+.2f} to {d.high:+.2f})"
        )
    return f"{start}{between}.{_found_by_nonlinear_alone(linear, nonlinear, cells)}"


def _found_by_nonlinear_alone(
    linear: Sequence[RankerRow], nonlinear: Sequence[RankerRow], cells: Sequence[RankedCell]
) -> str:
    """Heads among the best of nonlinear rankers and of no linear one, and what the best of them does by itself."""
    known = {head for row in linear for head in row.top}
    alone = [head for head in dict.fromkeys(h for row in nonlinear for h in row.top) if head not in known]
    if not alone:
        return " Every head among their best is among those of a linear one too."
    named = ", ".join(alone[:6]) + (f" and {len(alone) - 6} more" if len(alone) > 6 else "")
    single = {c.heads[0]: c.effect for c in cells if len(c.heads) == 1 and c.heads[0] in alone and not c.signs}
    own = ""
    if single:
        head = max(single, key=lambda name: single[name])
        own = f"; of those edited by themselves {head} does most, {single[head]:.0%}"
    return f" Among their best heads, but among no linear ranker's: {named}{own}."


def shown(result: RankersResult) -> Iterator[Shown]:
    """A table for each task, and where there are several one for all."""
    for task in result.tasks:
        yield _table(task, result.seconds if len(result.tasks) == 1 else {})
        yield from (Line(f"left out: {name}: {reason}") for name, reason in task.left_out.items())
        yield from map(Line, task.sentences)
    if len(result.tasks) > 1:
        rows = [
            (name, f"{place:.1f}", str(result.pooled.get(name, "")), _percent(result.shares.get(name)))
            for name, place in sorted(result.mean_ranks.items(), key=lambda item: item[1])
        ]
        columns = ("ranker", ">mean place", ">against the default", ">of the ceiling")
        yield Table(
            "all tasks", columns if result.shares else columns[:3], tuple(r if result.shares else r[:3] for r in rows)
        )
        yield from map(Line, result.sentences)


def _table(task: TaskComparison, seconds: Mapping[str, float]) -> Table:
    counts = [figure.n_heads for figure in task.rows[0].figures]
    measured = (">of the ceiling", ">precision") if task.ceiling else ()
    columns = ("ranker", *(f">{n}" for n in counts), ">mean", ">against the default", *measured, ">passes")
    rows = []
    for row in task.rows:
        cells = ["breaks" if f.n_broken == f.n_draws else f"{f.effect.value:.2f}{_sure(f.better)}" for f in row.figures]
        better = (
            "" if row.better is None else f"{row.better.value:+.2f} ({row.better.low:+.2f} to {row.better.high:+.2f})"
        )
        shares = [_percent(row.share), "" if row.precision is None else f"{row.precision:.1f}"] if measured else []
        passed = "" if row.passes is None else f"{row.passes:.0f}"
        own = [f"{seconds.get(row.ranker, 0.0):.1f}"] if seconds else []
        rows.append((row.ranker, *cells, f"{row.mean.value:.2f}", better, *shares, passed, *own))
    title = (
        f"{task.task} ({task.concept}): fraction by which the score of {task.n_target} target questions "
        f"({task.counted}, {task.base.value:.2f} before) {WORDS[task.direction].falls} without damage, "
        "by number of heads; + and - mark surely more or less than the default"
    )
    return Table(title, (*columns, *([">seconds"] * bool(seconds))), tuple(rows))


def _percent(share: float | None) -> str:
    return "" if share is None else percent(share)


def _sure(better: Estimate | None) -> str:
    """A mark where the interval of a difference excludes 0."""
    if better is None or better.low <= 0 <= better.high:
        return " "
    return "+" if better.low > 0 else "-"
