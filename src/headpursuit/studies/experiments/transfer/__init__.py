"""Transfer: head sets of several tasks compared, and edited on each other's questions."""

from headpursuit.studies.experiments.transfer.clustering import Clustering, by_effect, by_overlap
from headpursuit.studies.experiments.transfer.config import TransferConfig, TransferTask, command
from headpursuit.studies.experiments.transfer.effects import Column, EffectCell
from headpursuit.studies.experiments.transfer.files import read_tasks
from headpursuit.studies.experiments.transfer.overlap import Overlap, holm, overlaps
from headpursuit.studies.experiments.transfer.result import KIND, RankedTask, TransferResult
from headpursuit.studies.experiments.transfer.run import find_tasks, transfer
from headpursuit.studies.experiments.transfer.sentences import shown
from headpursuit.studies.kernel import Experiment

EXPERIMENT = Experiment("transfer", KIND, transfer, shown, command, lambda config: {"tasks": find_tasks(config)})

__all__ = [
    "EXPERIMENT",
    "Clustering",
    "Column",
    "EffectCell",
    "Overlap",
    "RankedTask",
    "TransferConfig",
    "TransferResult",
    "TransferTask",
    "by_effect",
    "by_overlap",
    "find_tasks",
    "holm",
    "overlaps",
    "read_tasks",
    "transfer",
]
