"""Answers to target and unrelated questions, as verdicts and dose sheets read them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from headpursuit.studies.measures.measure import Break, BreakKind, Measure, ends_of
from headpursuit.studies.measures.thresholds import Thresholds
from headpursuit.studies.results import ArmSummary, Balance, Estimate, FreeText, StudyConfig, Why
from headpursuit.studies.tasks import Direction, Task
from headpursuit.studies.text.metrics import Metric
from headpursuit.studies.text.scoring import metric_of


@dataclass(frozen=True)
class AnswerMeasure(Measure[ArmSummary]):
    """The target score is to fall or rise, unrelated answers are to stay."""

    metric: Metric
    """The metric of the target outputs."""
    direction: Direction = "suppress"
    thresholds: Thresholds = Thresholds()

    def within(self, thresholds: Thresholds) -> "AnswerMeasure":
        """The same with other lines."""
        return replace(self, thresholds=thresholds)

    def level(self, arm: ArmSummary) -> Estimate:
        """The target score."""
        return arm.target.score

    def change(self, arm: ArmSummary) -> Estimate | None:
        """Its change."""
        return arm.target.score_change

    def silenced(self, arm: ArmSummary) -> float:
        """The part of it that silence alone took."""
        return arm.target.silenced

    def loss(self, base: ArmSummary, arm: ArmSummary) -> float:
        """Fraction of the base's right unrelated answers that are lost; 0 where it has too few to see a loss."""
        if not base.unrelated or not arm.unrelated or not self.knows_unrelated(base):
            return 0.0
        return 1 - arm.unrelated.score.value / base.unrelated.score.value

    def knows_unrelated(self, base: ArmSummary) -> bool:
        """True if the base answers enough unrelated questions to see a loss."""
        return base.unrelated is not None and base.unrelated.score.value >= self.thresholds.weakest_base

    def balance(self, base: ArmSummary, arm: ArmSummary) -> Balance:
        """Effect and loss."""
        return Balance(self.effect(base, arm), self.loss(base, arm))

    def breakage(self, base: ArmSummary, arm: ArmSummary) -> Iterator[Break]:
        """Unrelated answers lost, perplexity on neutral text, empty and repeating answers of both groups, free text."""
        loss, line = self.loss(base, arm), self.thresholds.unrelated_loss
        ends = None
        if base.unrelated and arm.unrelated and self.knows_unrelated(base):
            ends = ends_of(arm.unrelated.score_change, line * base.unrelated.score.value, falls=True)
        yield Break(BreakKind.UNRELATED, max(loss, 0.0) / line, loss, ends=ends)
        yield self._perplexity(base.damage, arm.damage)
        yield from self._spoken(base.target, arm.target, "target")
        if base.unrelated is not None and arm.unrelated is not None:
            yield from self._spoken(base.unrelated, arm.unrelated, "unrelated")
        if base.target.text is not None and arm.target.text is not None:
            yield from self._written(base.target.text, arm.target.text)

    def _written(self, base: FreeText, arm: FreeText) -> Iterator[Break]:
        """Length of free text, its perplexity, its different word pairs; to enhance, one word said again and again."""
        t = self.thresholds
        length = arm.length / base.length if base.length else 1.0
        yield Break(BreakKind.LENGTH, abs(length - 1) / t.length_change, length, "target")
        if base.perplexity and arm.perplexity:
            ratio = arm.perplexity / base.perplexity
            yield Break(BreakKind.WRITTEN, max(ratio - 1, 0.0) / (t.written_ratio - 1), ratio, "target")
        kept = arm.distinct / base.distinct if base.distinct else 1.0
        yield Break(BreakKind.SAMENESS, max(1 - kept, 0.0) / t.distinct_loss, kept, "target")
        if self.direction == "enhance":
            rise = max(arm.said_again - base.said_again, 0.0)
            yield Break(BreakKind.ONE_WORD, rise / t.said_again_rise, arm.said_again, "target")

    def surely_spares(self, base: ArmSummary, arm: ArmSummary) -> bool:
        """True if the whole interval of the change of unrelated answers is within the line."""
        change = arm.unrelated.score_change if arm.unrelated else None
        if base.unrelated is None or change is None or not self.knows_unrelated(base):
            return True
        return -change.low <= self.thresholds.unrelated_loss * base.unrelated.score.value

    def unclear_base(self, base: ArmSummary) -> Why | None:
        """Too low a score to suppress; to enhance none, or one with no room above it."""
        score = base.target.score.value
        if self.direction == "suppress":
            return Why.WEAK_BASE if score < self.thresholds.weakest_base else None
        if not score:
            return Why.NO_BASE
        return Why.NO_ROOM if self.metric.fraction and score * (1 + self.thresholds.smallest_effect) > 1 else None

    def still_names(self, base: ArmSummary, edit: ArmSummary) -> bool:
        """True if right answers go and the concept's words stay."""
        if not self.metric.needs_answers:
            return False
        reached, before = self.effect(base, edit), base.target.concept_rate.value
        gone = 1 - edit.target.concept_rate.value / before if before else 1.0
        return reached >= self.thresholds.smallest_effect and gone < min(reached, 1) / 2


def answer_measure(task: Task, config: StudyConfig) -> AnswerMeasure:
    """A study's reading of answers: the task's metric and direction, the config's lines."""
    lines = Thresholds(asked_effect=config.effect, unrelated_loss=config.damage)
    return AnswerMeasure(metric_of(task), task.direction, lines)
