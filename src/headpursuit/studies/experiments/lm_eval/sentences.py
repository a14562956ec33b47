"""A run of lm-evaluation-harness in one sentence, and as terminals show it."""

from collections.abc import Iterator, Sequence

from headpursuit.heads import edit_in_words
from headpursuit.studies.experiments.lm_eval.result import HarnessResult, HarnessRow
from headpursuit.studies.kernel import Line, Shown, Table


def sentence_of(rows: Sequence[HarnessRow]) -> str:
    """The figures that the edit made worse beyond chance, or that it made none so, and what random heads do."""
    judged = [row for row in rows if row.change.low is not None and row.higher_is_better is not None]
    if not judged:
        return "Nothing can be said: no figure has both a standard error and a direction that is better."
    worse = [row for row in judged if row.change.harm(row.higher_is_better)]
    better = [row for row in judged if row.change.gain(row.higher_is_better)]
    said = [_damage(worse, judged)]
    if better:
        said.append(f"Better, beyond chance: {_named(better)}.")
    compared = worse or judged[:1]
    if compared[0].controls:
        beside = "; ".join(map(_beside, compared))
        said.append(f"{beside[:1].upper()}{beside[1:]}.")
    return " ".join(said)


def _damage(worse: Sequence[HarnessRow], judged: Sequence[HarnessRow]) -> str:
    if worse:
        return f"The edit does damage on {len(worse)} of {len(judged)} figures: {_named(worse)}."
    widest = max(judged, key=_possible)
    return (
        f"No damage beyond chance was found on any of {len(judged)} figures; as much as {_possible(widest):.3f} of "
        f"{widest.metric} on {widest.task} stays possible ({widest.n_items} items)."
    )


def _possible(row: HarnessRow) -> float:
    """The largest loss that the interval leaves open."""
    assert row.change.low is not None and row.change.high is not None
    return max(-row.change.low if row.higher_is_better else row.change.high, 0.0)


def _named(rows: Sequence[HarnessRow]) -> str:
    return "; ".join(
        f"{row.metric} on {row.task} {row.base:.3f} to {row.edit:.3f} ({row.change.low:+.3f} to {row.change.high:+.3f})"
        for row in rows
    )


def _beside(row: HarnessRow) -> str:
    changes = row.controls
    what = f"random heads of the same layers change {row.metric} on {row.task} by {sum(changes) / len(changes):+.3f}"
    draws = f"{min(changes):+.3f} to {max(changes):+.3f} in {len(changes)} draws" if len(changes) > 1 else "one draw"
    return f"{what} ({draws})"


def shown(result: HarnessResult) -> Iterator[Shown]:
    """Every figure in every arm, warnings, and what was found."""
    columns = ("task", "metric", ">items", ">base", ">edit", ">change", ">95 %, sign test", ">random heads")
    title = f"{edit_in_words(result.arms[1].scales)}: figures of lm-eval (standard errors in brackets)"
    yield Table(title, columns, tuple(map(_cells, result.rows)))
    yield from (Line(f"lm-eval warned: {warning}") for warning in result.warnings)
    yield Line(result.sentence, strong=True)


def _cells(row: HarnessRow) -> tuple[str, ...]:
    change = row.change
    if change.low is None or change.high is None:
        interval = "-"
    else:
        interval = f"{change.low:+.3f} to {change.high:+.3f}" + ("" if change.paired else ", unpaired")
        interval += "" if change.p is None else f", p {change.p:.2g}"
    return (
        row.task,
        row.metric,
        str(row.n_items),
        _figure(row.base, row.base_stderr),
        _figure(row.edit, row.edit_stderr),
        f"{change.value:+.3f}",
        interval,
        f"{sum(row.controls) / len(row.controls):+.3f}" if row.controls else "-",
    )


def _figure(value: float, stderr: float | None) -> str:
    return f"{value:.3f}" if stderr is None else f"{value:.3f} ({stderr:.3f})"
