"""The figures of one arm's captions."""

from dataclasses import dataclass

from headpursuit.studies.results import ArmKind, Damage, Estimate
from headpursuit.studies.tasks import Direction


@dataclass(frozen=True)
class CaptionArm:
    """What one arm's captions are like; intervals are over images."""

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
    """What silence alone took from the frequency: the words per caption that the base has for images which this arm
    left without a caption. They count as kept; 0 for enhancement, and in results of older versions."""
