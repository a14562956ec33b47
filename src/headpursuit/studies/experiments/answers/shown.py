"""A study of answers in the terminal."""

from collections.abc import Iterator

from headpursuit.studies.kernel import Line, Shown, Table
from headpursuit.studies.metrics import METRICS
from headpursuit.studies.results import ArmSummary, StudyResult
from headpursuit.studies.shown import heads_shown, ranking_shown, sheet_shown


def shown(result: StudyResult) -> Iterator[Shown]:
    """Ranking, dose, arms, an example and verdict."""
    yield from ranking_shown(result.ranking, 10)
    if result.sheet is not None:
        unedited = _rates(result.sheet.base)
        title = f"dose sheet: target score / unrelated answers that are right, unedited {unedited}"
        yield from sheet_shown(result.sheet, title, _rates)
    yield from heads_shown(result.edit.heads, result.notes)
    yield _arms(result)
    yield from _example(result)
    yield Line(f"\n{result.verdict.outcome.upper()}: {result.verdict.sentence}", strong=True)
    yield from (Line(f"  {text}") for text in (*result.verdict.reasons, *result.remarks))


def _arms(result: StudyResult) -> Table:
    rows = [
        (
            arm.name,
            " ".join(arm.heads),
            str(arm.target.score),
            str(arm.unrelated.score) if arm.unrelated else "-",
            f"{arm.damage.perplexity:.1f}",
            f"{arm.damage.kl:.3f}",
        )
        for arm in result.arms
    ]
    columns = ("arm", "heads", f">{METRICS.find(result.metric).short}", ">unrelated", ">ppl", ">KL")
    title = f"held-out questions, heads at scale {result.scale:g}; target: {METRICS.find(result.metric).counted}"
    return Table(title, columns, tuple(rows))


def _example(result: StudyResult) -> Iterator[Line]:
    """The first target question whose unedited answer counts."""
    example = next((e for e in result.examples if e.group == "target" and e.scores["base"] >= 0.5), None)
    if example is not None:
        yield Line(f"{example.prompt!r}{f' ({example.image_name})' if example.image_name else ''}")
        for arm in ("base", "edit", "matched-1"):
            yield Line(f"  {arm}: {example.answers[arm]!r}")


def _rates(arm: ArmSummary) -> str:
    unrelated = f" / {arm.unrelated.score.value:.2f}" if arm.unrelated else ""
    return f"{arm.target.score.value:.2f}{unrelated}"
