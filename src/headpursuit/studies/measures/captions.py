"""Captions, as verdicts and dose sheets read them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from headpursuit.studies.measures.measure import Break, BreakKind, Measure, ends_of
from headpursuit.studies.measures.thresholds import CAPTION_LINES, Thresholds
from headpursuit.studies.results import CaptionArm, Estimate, StudyConfig, Why
from headpursuit.studies.tasks import Direction


@dataclass(frozen=True)
class CaptionMeasure(Measure[CaptionArm]):
    """The concept's frequency is to fall or rise, captions are to stay good: their CIDEr and their length."""

    direction: Direction = "suppress"
    thresholds: Thresholds = CAPTION_LINES

    def within(self, thresholds: Thresholds) -> "CaptionMeasure":
        """The same with other lines."""
        return replace(self, thresholds=thresholds)

    def level(self, arm: CaptionArm) -> Estimate:
        """The concept's words per caption."""
        return arm.frequency

    def change(self, arm: CaptionArm) -> Estimate | None:
        """The change of that."""
        return arm.frequency_change

    def silenced(self, arm: CaptionArm) -> float:
        """The part of it that silence alone took."""
        return arm.silenced

    def loss(self, base: CaptionArm, arm: CaptionArm) -> float:
        """Fraction of the CIDEr that is lost, by the one that the direction is judged by; 0 where the base has none."""
        kept = arm.kept_cider(base, self.direction)
        return 0.0 if kept is None else 1 - kept

    def breakage(self, base: CaptionArm, arm: CaptionArm) -> Iterator[Break]:
        """CIDEr lost, perplexity on neutral text, empty and repeating captions, and their length."""
        t, loss = self.thresholds, self.loss(base, arm)
        which = BreakKind.CIDER_WITHOUT if self.direction == "suppress" else BreakKind.CIDER
        before = base.cider_without if self.direction == "suppress" else base.cider
        ends = ends_of(arm.cider_change, t.cider_loss * before.value, falls=True)
        yield Break(which, max(loss, 0.0) / t.cider_loss, 1 - loss, ends=ends)
        yield self._perplexity(base.damage, arm.damage)
        yield from self._spoken(base, arm, "captions")
        length = arm.length.value / base.length.value if base.length.value else 1.0
        yield Break(BreakKind.LENGTH, abs(length - 1) / t.length_change, length)

    def surely_spares(self, base: CaptionArm, arm: CaptionArm) -> bool:
        """True if half of the tolerated loss of CIDEr is left: its loss has no interval of its own."""
        kept = arm.kept_cider(base, self.direction)
        return kept is not None and kept >= 1 - self.thresholds.cider_loss / 2

    def unclear_base(self, base: CaptionArm) -> Why | None:
        """Too few captions that name the concept, or to enhance too many; or captions unlike the references."""
        naming, t = base.naming.value, self.thresholds
        cider = base.cider_without if self.direction == "suppress" else base.cider
        if self.direction == "suppress" and naming < t.weakest_base:
            return Why.WEAK_BASE
        if self.direction == "enhance" and not naming:
            return Why.NO_BASE
        if self.direction == "enhance" and naming > t.fullest_naming:
            return Why.NO_ROOM
        return Why.POOR_CAPTIONS if cider.value < t.weakest_cider else None


def caption_measure(direction: Direction, config: StudyConfig) -> CaptionMeasure:
    """A study's reading of captions in one direction, with the config's lines: an effect that is asked for, counts."""
    lines = replace(CAPTION_LINES, smallest_effect=config.effect, asked_effect=config.effect, cider_loss=config.damage)
    return CaptionMeasure(direction, lines)
