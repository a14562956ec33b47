"""A comparison of rankers in the terminal."""

from collections.abc import Iterator, Mapping

from headpursuit.studies.experiments.rankers.result import RankersResult, TaskComparison
from headpursuit.studies.judging.terms import WORDS
from headpursuit.studies.kernel import Line, Shown, Table
from headpursuit.studies.results import Estimate


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
