"""The rungs of a ladder: answers to further questions, as figures."""

from collections.abc import Sequence

from headpursuit.concepts import Concept
from headpursuit.studies.figures.summaries import summarise_group
from headpursuit.studies.results import Asked, Estimate, GroupSummary, RungArm, RungResult
from headpursuit.studies.tasks import Rung, Task


def rung_results(
    task: Task, concept: Concept, rungs: Sequence[Rung], asked: Sequence[Asked], seed: int
) -> tuple[RungResult, ...]:
    """Figures of every rung.

    Args:
        task: Its metric counts answers for the concept; those about siblings count if they contain an accepted one.
        concept: The concept, looked up.
        rungs: The questions that were asked, in their order.
        asked: Of every arm the answers to all of them; the unedited model first.
        seed: Of the bootstrap.
    """
    found, start = [], 0
    for rung in rungs:
        end = start + len(rung.questions)
        base = asked[0].answers[start:end]
        arms = list[RungArm]()
        for one in asked:
            before = None if one is asked[0] else base
            figures = summarise_group(task, concept, rung.questions, one.answers[start:end], before, seed)
            left = left_of(arms[0].answers, figures) if arms else None
            arms.append(RungArm(one.name, one.kind, figures, left))
        found.append(RungResult(rung.name, rung.is_sibling, tuple(arms)))
        start = end
    return tuple(found)


def left_of(base: GroupSummary, arm: GroupSummary) -> Estimate | None:
    """The score that is left, as a fraction of the base's; None where that is 0.

    Its interval is that of the paired change. Where no answer or every answer changed, resampling sees no spread; there
    the limits of the arm's own score stand in.
    """
    before, change = base.score.value, arm.score_change
    if not before or change is None:
        return None
    value = 1 + change.value / before
    if change.low == change.high:
        return Estimate(value, min(value, arm.score.low / before), max(value, arm.score.high / before))
    return Estimate(value, max(0.0, 1 + change.low / before), 1 + change.high / before)
