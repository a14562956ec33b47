"""The figures of an arm of captions."""

from dataclasses import dataclass
from typing import TypeVar

from headpursuit.studies.results.arms import ArmKind, Damage
from headpursuit.studies.results.figures import ArmSummary, Estimate
from headpursuit.studies.tasks.task import Direction


@dataclass(frozen=True)
class CaptionArm:
    """Figures of one arm's captions; intervals are over images."""

    name: str
    direction: Direction | None
    """None for the base."""
    kind: ArmKind
    heads: tuple[str, ...]
    scale: float | None
    n_images: int
    frequency: Estimate
    """The concept's words per caption."""
    frequency_change: Estimate | None
    """That minus the base's, paired by image; None for the base itself. Captions that fell silent count as unchanged
    where the concept is suppressed."""
    naming: Estimate
    """Fraction of the captions that name any of them."""
    cider: Estimate
    """CIDEr with the references, 0 to 10."""
    cider_without: Estimate
    """The same, with the concept's words taken out of captions and references."""
    others: dict[str, Estimate]
    """Words of other concepts per caption, by the concept's name."""
    length: Estimate
    """Words per caption, articles not counted."""
    repetition: float
    """Mean fraction of a caption's word pairs that occurred in it before."""
    empty: float
    """Fraction of the captions without a word; never booked as suppression."""
    damage: Damage
    n_forwards: int
    silenced: float = 0.0
    """The part of the frequency that silence alone took: the words per caption that the base has for images which
    this arm left without a caption. They count as kept; 0 for enhancement, and in results of older versions."""

    def relative_frequency(self, base: "CaptionArm") -> float | None:
        """The concept's frequency, times the base's; None where the base never names it."""
        return _relative(self.frequency, base.frequency)

    def kept_cider(self, base: "CaptionArm", direction: Direction) -> float | None:
        """The CIDEr that a direction is judged by, times the base's; None where the base has none.

        To suppress it is the CIDEr without the concept's words, as a caption that no longer says them should lose some.
        """
        if direction == "suppress":
            return _relative(self.cider_without, base.cider_without)
        return _relative(self.cider, base.cider)


def _relative(after: Estimate, before: Estimate) -> float | None:
    return after.value / before.value if before.value else None


Figures = TypeVar("Figures", ArmSummary, CaptionArm)
"""The figures of an arm, of one kind or the other."""
