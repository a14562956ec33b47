"""A finished transfer, as it is read back from disk."""

from dataclasses import dataclass

from headpursuit.studies.experiments.transfer.clustering import Clustering
from headpursuit.studies.experiments.transfer.config import TransferConfig
from headpursuit.studies.experiments.transfer.effects import Column, EffectCell
from headpursuit.studies.experiments.transfer.isolating import Isolation, isolations
from headpursuit.studies.experiments.transfer.overlap import Overlap
from headpursuit.studies.kernel import Loadable, ResultKind


@dataclass(frozen=True)
class RankedTask:
    """One task, and the heads that were found with it."""

    name: str
    task: str
    """Its task, with its data and questions."""
    concept: str
    n_words: int
    """Words of the concept."""
    n_prompts: int
    """Prompts that heads were ranked on."""
    heads: tuple[str, ...]
    """The best, best first; these are edited."""
    ranker: str = ""
    """The ranker that put them in order; empty: the score of the config's ranking."""


@dataclass(frozen=True)
class TransferResult(Loadable):
    """Tasks that share heads, and heads that act on other tasks' questions."""

    config: TransferConfig
    model_summary: str
    """Heads of the model in words."""
    certificate: str
    command: str
    """The command that runs it again."""
    n_heads: int
    """Of the model."""
    tasks: tuple[RankedTask, ...]
    overlaps: tuple[Overlap, ...]
    """Of every pair of tasks."""
    cells: tuple[EffectCell, ...]
    """Row by row, columns in the order of the tasks."""
    columns: tuple[Column, ...]
    effect_tree: Clustering
    overlap_tree: Clustering
    sentences: tuple[str, ...]
    """The findings, in plain words; the first says the most."""
    remarks: tuple[str, ...]
    """Remarks for readers of the figures."""
    versions: dict[str, str]
    """Packages, device and dtype it ran with."""

    @property
    def isolations(self) -> tuple[Isolation, ...]:
        """The cause and isolate scores of every edit that breaks nothing."""
        return isolations(self.cells)

    def cell(self, row: str, column: str) -> EffectCell:
        """The effect of the heads of `row` on the questions of `column`."""
        return next(cell for cell in self.cells if (cell.row, cell.column) == (row, column))


KIND = ResultKind("transfer", TransferConfig, TransferResult)
"""A transfer on disk."""
