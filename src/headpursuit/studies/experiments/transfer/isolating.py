"""Edits and what they isolate: how much of its own task it takes, and how much of the others' it leaves."""

from collections.abc import Sequence
from dataclasses import dataclass

from headpursuit.studies.experiments.transfer.effects import EffectCell
from headpursuit.studies.results import Estimate


@dataclass(frozen=True)
class Isolation:
    """One task's edit; fractions of scores, 0 to 1."""

    row: str
    """The task whose heads are edited."""
    cause: float
    """The fraction of its own score that the edit takes."""
    isolate: float
    """The fraction of the other tasks' scores that it leaves, on average."""
    most: str
    """The other task that loses most."""
    loss: Estimate
    """The fraction that it loses."""

    @property
    def disentangled(self) -> float:
        """The mean of cause and isolate: 1 takes all at home and nothing elsewhere, 0.5 tells nothing apart."""
        return (self.cause + self.isolate) / 2


def isolations(cells: Sequence[EffectCell]) -> tuple[Isolation, ...]:
    """Of every row what it isolates; none of rows that break the model anywhere, or have nothing to take at home.

    Columns that have nothing to lose are left out.

    Source: the cause, isolate and disentangle scores of RAVEL (arXiv 2402.17700).
    Differences: an edit of heads switches an attribute off and puts no other in its place, so cause is what is taken.
    """
    found = []
    for row in dict.fromkeys(cell.row for cell in cells):
        own = [cell for cell in cells if cell.row == row and cell.word != "nothing to lose"]
        home = [cell for cell in own if cell.column == row]
        abroad = [cell for cell in own if cell.column != row]
        if not home or not abroad or any(cell.word == "breaks" for cell in own):
            continue
        most = max(abroad, key=lambda cell: cell.effect.value)
        left = sum(1 - _fraction(cell) for cell in abroad) / len(abroad)
        found.append(Isolation(row, _fraction(home[0]), left, most.column, most.effect))
    return tuple(found)


def _fraction(cell: EffectCell) -> float:
    """The loss; a score that rises is none."""
    return min(1.0, max(0.0, cell.effect.value))
