"""A comparison of rankers in sentences, and as terminals show it."""

from collections.abc import Iterator, Mapping, Sequence

from headpursuit.analysis.rankers import DEFAULT, RANKERS
from headpursuit.studies.experiments.rankers.result import (
    Contrast,
    RankedCell,
    RankerRow,
    RankersResult,
    TaskComparison,
)
from headpursuit.studies.judging.terms import WORDS, percent
from headpursuit.studies.kernel import Line, Shown, Table
from headpursuit.studies.measures import AnswerMeasure
from headpursuit.studies.results import Estimate


def of_task(
    rows: Sequence[RankerRow], contrasts: Sequence[Contrast], cells: Sequence[RankedCell], measure: AnswerMeasure
) -> tuple[str, ...]:
    """The score that does best, those that beat the default, and whether linear ones lose heads."""
    return (
        _best(rows, measure),
        better_than_default({r.ranker: r.better for r in rows}),
        _linearity(rows, contrasts, cells),
    )


def better_than_default(differences: Mapping[str, Estimate | None]) -> str:
    """Scores that do better than the default, with intervals that exclude 0."""
    compared = {n: d for n, d in differences.items() if d is not None and RANKERS[n].kind != "random"}
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


def over_tasks(mean_ranks: Mapping[str, float], pooled: Mapping[str, Estimate], n_tasks: int) -> tuple[str, ...]:
    """Mean places, and the averages over tasks."""
    scored = {name: rank for name, rank in mean_ranks.items() if RANKERS[name].kind != "random"}
    first = min(scored, key=lambda name: scored[name])
    places = f"Over {n_tasks} tasks and all numbers of heads, {first} has the best mean place ({scored[first]:.1f}"
    rest = ")" if first == DEFAULT else f"; {DEFAULT}: {scored[DEFAULT]:.1f})"
    return f"{places}{rest} of {len(mean_ranks)} rankers.", f"On average over tasks: {better_than_default(pooled)}"


def _best(rows: Sequence[RankerRow], measure: AnswerMeasure) -> str:
    scored = [row for row in rows if RANKERS[row.ranker].kind != "random"]
    best, usual = max(scored, key=lambda row: round(row.mean.value, 9)), scored[0]
    chance = next((row for row in rows if RANKERS[row.ranker].kind == "random"), None)
    beside = f"; random heads {percent(chance.mean.value)}" if chance else ""
    what = f"{WORDS[measure.direction].verb} the target score ({measure.metric.counted})"
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
    nonlinear = [row for row in rows if RANKERS[row.ranker].kind == "nonlinear"]
    linear = [row for row in rows if RANKERS[row.ranker].kind == "linear"]
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
            (name, f"{place:.1f}", str(result.pooled.get(name, "")))
            for name, place in sorted(result.mean_ranks.items(), key=lambda item: item[1])
        ]
        yield Table("all tasks", ("ranker", ">mean place", ">against the default"), tuple(rows))
        yield from map(Line, result.sentences)


def _table(task: TaskComparison, seconds: Mapping[str, float]) -> Table:
    counts = [figure.n_heads for figure in task.rows[0].figures]
    columns = ("ranker", *(f">{n}" for n in counts), ">mean", ">against the default", *([">seconds"] * bool(seconds)))
    rows = []
    for row in task.rows:
        cells = ["breaks" if f.n_broken == f.n_draws else f"{f.effect.value:.2f}{_sure(f.better)}" for f in row.figures]
        better = (
            "" if row.better is None else f"{row.better.value:+.2f} ({row.better.low:+.2f} to {row.better.high:+.2f})"
        )
        own = [f"{seconds[row.ranker]:.1f}"] if seconds else []
        rows.append((row.ranker, *cells, f"{row.mean.value:.2f}", better, *own))
    title = (
        f"{task.task} ({task.concept}): fraction by which the score of {task.n_target} target questions "
        f"({task.counted}, {task.base.value:.2f} before) {WORDS[task.direction].falls} without damage, "
        "by number of heads; + and - mark surely more or less than the default"
    )
    return Table(title, columns, tuple(rows))


def _sure(better: Estimate | None) -> str:
    """A mark where the interval of a difference excludes 0."""
    if better is None or better.low <= 0 <= better.high:
        return " "
    return "+" if better.low > 0 else "-"
