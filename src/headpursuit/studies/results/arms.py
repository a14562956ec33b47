"""An arm as it is kept on disk: the edit, its answers, its damage."""

from dataclasses import dataclass
from typing import Literal

from headpursuit.heads import Edit

ArmKind = Literal["base", "edit", "image", "text", "dose", "matched", "random", "other"]
"""Unedited; the ranked heads; the same at image positions only; at all others; other numbers of ranked heads; random
heads of the same layers; random heads of any layer; heads of another concept."""


@dataclass(frozen=True)
class Damage:
    """What an edit does to everything else, on neutral text."""

    perplexity: float
    kl: float
    """Mean divergence KL(base || arm) of the next-token distributions, nats; 0 for the base."""


@dataclass(frozen=True)
class Arm:
    """One condition: an edit (or none), the answers it gave, and the damage it did."""

    name: str
    """Unique, such as `edit` or `matched-2`."""
    kind: ArmKind
    edit: Edit
    answers: tuple[str, ...]
    """To the questions it was asked, in their order."""
    damage: Damage
    n_forwards: int
    """Forward passes the edit touched, counted at the hooks."""
