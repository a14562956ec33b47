"""Effects of one task's heads on another's questions: arms to cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from headpursuit.heads import Edit
from headpursuit.records import from_fields
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.judging import sentences
from headpursuit.studies.measures import AnswerMeasure, Thresholds
from headpursuit.studies.results import Arm, ArmSummary, Estimate
from headpursuit.studies.tasks import Task
from headpursuit.studies.text.metrics import METRICS
from headpursuit.studies.text.scoring import metric_of

CellWord = Literal["acts", "does not act", "breaks", "nothing to lose"]
"""The heads lower the score, and random ones do not; they do not; the model falls apart; it had no score to lose."""


@dataclass(frozen=True)
class HeadSet:
    """The heads of one task, and the random heads that they are compared with."""

    name: str
    """The task's."""
    edit: Edit
    matched: tuple[Edit, ...]
    """As many random heads of the same layers, one edit for each draw."""

    @property
    def edits(self) -> tuple[Edit, ...]:
        """All of them."""
        return (self.edit, *self.matched)


@dataclass(frozen=True)
class EffectCell:
    """One task's heads, edited while another task's held-out questions are answered."""

    row: str
    """The task whose heads are edited."""
    column: str
    """The task whose questions are answered."""
    effect: Estimate
    """Fraction of the unedited model's score that is lost; answers that fell silent are not lost. Its interval takes
    the unedited model's score as given."""
    matched: tuple[float, ...]
    """The same with random heads of the same layers, each draw."""
    p: float
    """(1 + draws that go as far) / (1 + draws), over the draws beside all rows; what breaks the model counts by the
    tolerated damage. Of older versions: over questions."""
    score: Estimate
    """Score under the edit."""
    unrelated: Estimate | None
    """Right answers to the column's unrelated questions under the edit."""
    signs: tuple[str, ...]
    """The edit's breakage there, in words."""
    word: CellWord

    @classmethod
    def upgraded(cls, content: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of older files, where p was corrected for the number of cells too."""
        return {name: value for name, value in content.items() if name != "p_adjusted"}

    @property
    def random(self) -> float:
        """Mean effect of the draws of random heads."""
        return sum(self.matched) / len(self.matched)


@dataclass(frozen=True)
class Column:
    """A task's held-out questions, without an edit and with random heads edited."""

    name: str
    n_questions: int
    counted: str
    """The outputs that its score is the fraction of, or the mean of."""
    base: Estimate
    """Score of the unedited model: for most tasks the fraction of right answers."""
    base_unrelated: Estimate | None
    random: tuple[float, ...]
    """Effect of every draw of random heads, of all rows."""
    metric: str = "contains"
    """The metric of its outputs."""

    @property
    def lost(self) -> str:
        """A word for what an edit takes."""
        return "right answers" if METRICS.find(self.metric).counts_right_answers else "score"

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Column":
        """From its fields; older versions say what is counted, and not which metric that is."""
        named = {metric.counted: metric.name for metric in METRICS.values()}
        return from_fields(cls, {"metric": named.get(content.get("counted", "")), **content})


@dataclass(frozen=True)
class Answered:
    """A task's held-out questions, answered under every edit."""

    task: Task
    arms: Mapping[Edit, Arm]
    """The base, which is the edit of nothing, comes first."""
    thresholds: Thresholds = Thresholds()

    @property
    def measure(self) -> AnswerMeasure:
        """The measure of its figures: what is lost."""
        return AnswerMeasure(metric_of(self.task), "suppress", self.thresholds)


def cells_of(
    answered: Mapping[str, Answered], sets: Sequence[HeadSet], seed: int
) -> tuple[tuple[EffectCell, ...], tuple[Column, ...]]:
    """Every row's heads on every column's questions.

    Args:
        answered: By the names of the tasks, in the order of the columns.
        sets: Of each row.
        seed: Of the bootstrap.
    """
    columns: dict[str, Column] = {}
    cells: list[EffectCell] = []
    for name, given in answered.items():
        task, metric = given.task, metric_of(given.task)
        summaries = dict(zip(given.arms, summarise(task, task.words, list(given.arms.values()), seed), strict=True))
        base = next(iter(summaries.values()))
        drawn = dict.fromkeys(edit for one in sets for edit in one.matched)
        columns[name] = Column(
            name,
            base.target.n_questions,
            metric.counted,
            base.target.score,
            base.unrelated.score if base.unrelated else None,
            tuple(given.measure.effect(base, summaries[edit]) for edit in drawn),
            metric.name,
        )
        against = [given.measure.at_the_line(base, summaries[edit]) for edit in drawn]
        own = [_cell(one, name, given, summaries, against) for one in sets]
        cells += [_judged(cell, base.target.score, max(against), given.thresholds) for cell in own]
    rows = [one.name for one in sets]
    return tuple(sorted(cells, key=lambda cell: rows.index(cell.row))), tuple(columns.values())


def effect_interval(measure: AnswerMeasure, base: ArmSummary, arm: ArmSummary) -> Estimate:
    """The effect with its 95 % interval: that of the paired change, divided by the base's rate.

    Where no question or every question changed, resampling sees no spread; there the exact limits of the arm's own rate
    stand in.
    """
    value, before = measure.effect(base, arm), base.target.score.value
    change = arm.target.score_change
    if not before or change is None:
        return Estimate(value, 0.0, 0.0)
    if change.low == change.high:
        score = arm.target.score
        low, high = ((score.value - limit) / before for limit in (score.high, score.low))
    else:
        low, high = ((change.value - limit) / before for limit in (change.high, change.low))
    return Estimate(value, value + low, value + high)


def _cell(
    heads: HeadSet, column: str, given: Answered, summaries: Mapping[Edit, ArmSummary], against: Sequence[float]
) -> EffectCell:
    """A cell that is not judged yet, beside the effects of all draws of random heads."""
    base, summary = next(iter(summaries.values())), summaries[heads.edit]
    as_strong = sum(effect >= given.measure.effect(base, summary) for effect in against)
    return EffectCell(
        heads.name,
        column,
        effect_interval(given.measure, base, summary),
        tuple(given.measure.effect(base, summaries[edit]) for edit in heads.matched),
        (1 + as_strong) / (1 + len(against)),
        summary.target.score,
        summary.unrelated.score if summary.unrelated else None,
        sentences.signs_of(given.measure.breaks(base, summary)),
        "does not act",
    )


def _judged(cell: EffectCell, base: Estimate, strongest: float, t: Thresholds) -> EffectCell:
    """The cell with its word.

    In this order: a base that is hardly ever right has nothing to lose; an edit with signs of damage breaks the model;
    a fall that is large enough, whose whole interval is above the mean of the row's random draws, and that goes further
    than any draw beside any row, acts; anything else does not.
    """
    word: CellWord = "does not act"
    above_random = cell.effect.low > max(0.0, cell.random) and cell.effect.value > strongest
    if base.value < t.weakest_base:
        word = "nothing to lose"
    elif cell.signs:
        word = "breaks"
    elif cell.effect.value >= t.smallest_effect and above_random:
        word = "acts"
    return replace(cell, word=word)
