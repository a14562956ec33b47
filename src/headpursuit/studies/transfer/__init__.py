"""Do heads carry over? Head sets of several tasks are compared, and edited on each other's questions."""

from headpursuit.studies.transfer.clustering import Clustering, by_effect, by_overlap
from headpursuit.studies.transfer.config import TransferConfig, TransferTask
from headpursuit.studies.transfer.effects import Column, EffectCell
from headpursuit.studies.transfer.files import read_tasks
from headpursuit.studies.transfer.overlap import Overlap, chance_of, holm, overlaps
from headpursuit.studies.transfer.result import RankedTask, TransferResult
from headpursuit.studies.transfer.run import find_tasks, n_runs, transfer

__all__ = [
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
    "chance_of",
    "find_tasks",
    "holm",
    "n_runs",
    "overlaps",
    "read_tasks",
    "transfer",
]
