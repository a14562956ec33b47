"""A run of lm-evaluation-harness in the terminal."""

from collections.abc import Iterator

from headpursuit.studies.experiments.lm_eval.result import HarnessResult, HarnessRow
from headpursuit.studies.kernel import Line, Shown, Table


def shown(result: HarnessResult) -> Iterator[Shown]:
    """Every figure in every arm, warnings, and what was found."""
    scales = " ".join(f"{head} x {scale:g}" for head, scale in result.arms[1].scales.items())
    columns = ("task", "metric", ">items", ">base", ">edit", ">change", ">95 %, sign test", ">random heads")
    title = f"{scales}: figures of lm-eval (standard errors in brackets)"
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
