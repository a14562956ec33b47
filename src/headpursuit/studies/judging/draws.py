"""Draws of random heads beside an edit: could it be one more of them?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np
from scipy.stats import t

from headpursuit.studies.measures import Measure, Thresholds
from headpursuit.studies.results import ArmKind, Beside, Figures


@dataclass(frozen=True)
class Controls(Generic[Figures]):
    """The draws of random heads of one kind, and the edit that is judged beside them.

    The draw is the unit: random heads differ among themselves, so many questions do not make up for few draws. Both
    p-values ask for the edit's effect among those of the draws, each `at_the_line`.
    """

    kind: ArmKind
    """Of the same layers (`matched`), or of any (`random`)."""
    edit: float
    """The edit's effect."""
    levels: tuple[float, ...]
    """Target score or frequency of each draw."""
    effects: tuple[float, ...]
    """Effect of each draw, `at_the_line`."""
    broken: tuple[bool, ...]
    """Of each draw: it breaks the model."""

    @classmethod
    def of(
        cls, measure: Measure[Figures], base: Figures, edit: Figures, draws: Sequence[Figures], kind: ArmKind
    ) -> "Controls[Figures]":
        """The draws of one kind, measured."""
        return cls(
            kind,
            measure.effect(base, edit),
            tuple(measure.level(arm).value for arm in draws),
            tuple(measure.at_the_line(base, arm) for arm in draws),
            tuple(bool(measure.breaks(base, arm)) for arm in draws),
        )

    @property
    def share(self) -> float:
        """Mean effect of the draws, as a share of the edit's."""
        return float(np.mean(self.effects)) / self.edit

    @property
    def strongest(self) -> float:
        """The largest such share, 0 where no draw has any."""
        return max(0.0, *self.effects) / self.edit

    @property
    def n_as_strong(self) -> int:
        """Number of draws that go as far as the edit."""
        return sum(effect >= self.edit for effect in self.effects)

    @property
    def p(self) -> float:
        """The edit's rank among the draws: (1 + draws that go as far) / (1 + draws).

        If the edit is one more draw, every rank is as likely as another, however effects are distributed.
        """
        return (1 + self.n_as_strong) / (1 + len(self.effects))

    @property
    def student_p(self) -> float:
        """The same where effects of draws are normally distributed: Student's t of one more value.

        It can be small with few draws, at the price of that assumption; 1 with fewer than two.
        """
        n = len(self.effects)
        if n < 2:
            return 1.0
        above, spread = self.edit - float(np.mean(self.effects)), float(np.std(self.effects, ddof=1))
        if not spread:
            return float(above <= 0)
        return float(t.sf(above / (spread * (1 + 1 / n) ** 0.5), n - 1))

    def too_few(self, lines: Thresholds) -> bool:
        """True where no draw leaves the model whole, or there are fewer than a verdict needs."""
        return len(self.effects) < lines.fewest_draws or all(self.broken)

    def alike(self, lines: Thresholds) -> bool:
        """True if the edit may be one more draw, or the draws reach much of its effect on average.

        Where no draw goes as far and there are too few for the rank to say so, Student's p decides.
        """
        too_coarse = not self.n_as_strong and self.p > lines.significance
        p = self.student_p if too_coarse else self.p
        return p > lines.significance or self.share > lines.control_share

    def beside(self) -> Beside:
        """The figures that a verdict keeps."""
        return Beside(self.kind, len(self.effects), sum(self.broken), self.n_as_strong, self.p, self.student_p)
