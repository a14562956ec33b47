"""The lines of a verdict."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """The lines of a verdict; fractions of the base's value unless said otherwise.

    The defaults are those of answers; `CAPTION_LINES` differ in the least effect alone. Empty and repeating outputs
    have the same lines in captions, whose CIDEr suffers from both and has a line of its own.
    """

    weakest_base: float = 0.1
    """Below this score (in captions: if fewer name the concept) the base has too little to suppress; of unrelated
    questions, too little to see a loss."""
    smallest_effect: float = 0.1
    """A smaller fall or rise is no effect."""
    sure_effect: float = 0.1
    """The interval of the change lies beyond this fall or rise, or there is no reliable effect."""
    unrelated_loss: float = 0.15
    """A larger fall on unrelated questions is over-intervention; this and all such lines where the others stay as they
    are: damage of several kinds adds up."""
    perplexity_ratio: float = 2.0
    """A higher ratio of perplexities on neutral text is over-intervention."""
    empty_rise: float = 0.2
    """More additional empty outputs (fraction of all) are over-intervention."""
    repetition_rise: float = 0.3
    """More additional repetition (fraction of the word pairs) is over-intervention."""
    asked_effect: float = 0.5
    """A smaller fall or rise is called too weak on the dose sheet."""
    control_share: float = 0.5
    """Controls that reach more than this share of the edit's effect are as good as it."""
    significance: float = 0.05
    """A larger p over draws says that the edit may be one more draw of random heads."""
    fewest_draws: int = 3
    """With fewer draws of random heads of a kind nothing is said about them."""
    fewest_questions: int = 40
    """With fewer in a group, the interval of a half-right one is wider than 0.3, and readers are told."""
    fullest_naming: float = 0.9
    """Share of the base's captions that name the concept above which there is no room to enhance it. The words per
    caption could still rise by naming it twice; that is no enhancement."""
    weakest_cider: float = 0.05
    """CIDEr of the base (0 to 10) below which it cannot be seen whether captions stay good."""
    cider_loss: float = 0.2
    """A larger loss of CIDEr is over-intervention: for suppression without the concept's words, for enhancement with
    them."""
    length_change: float = 0.5
    """Captions and free text that are longer or shorter by more are over-intervention."""
    written_ratio: float = 2.0
    """A higher ratio of the perplexities of what is written, as the unedited model reads it, is over-intervention."""
    distinct_loss: float = 0.5
    """A larger loss of different word pairs in free text is over-intervention."""
    said_again_rise: float = 0.3
    """To enhance: if a larger part more of the concept's words repeat one that their own output had said, one word is
    repeated, and that is no rise."""


CAPTION_LINES = Thresholds(smallest_effect=0.6, asked_effect=0.6)
"""Captions: what the paper calls a change of attributes, over 60 %, is asked for on the sheet and in the verdict."""

APART = Thresholds(
    unrelated_loss=0.5,
    cider_loss=0.5,
    perplexity_ratio=5.0,
    empty_rise=0.5,
    repetition_rise=0.6,
    length_change=1.0,
    written_ratio=5.0,
    distinct_loss=0.8,
    said_again_rise=0.6,
)
"""A dose beyond these lines leaves so little of the model that more of it need not be measured."""
