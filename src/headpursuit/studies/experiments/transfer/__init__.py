"""Transfer: head sets of several tasks compared, and edited on each other's questions."""

from typing import TYPE_CHECKING

from headpursuit.lazily import lazily

if TYPE_CHECKING:
    from headpursuit.studies.experiments.transfer.clustering import Clustering, by_effect, by_overlap
    from headpursuit.studies.experiments.transfer.config import TransferConfig, TransferTask
    from headpursuit.studies.experiments.transfer.effects import Column, EffectCell
    from headpursuit.studies.experiments.transfer.experiment import EXPERIMENT
    from headpursuit.studies.experiments.transfer.files import read_tasks
    from headpursuit.studies.experiments.transfer.overlap import Overlap, holm, overlaps
    from headpursuit.studies.experiments.transfer.result import RankedTask, TransferResult
    from headpursuit.studies.experiments.transfer.run import find_tasks, transfer

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

__getattr__, __dir__ = lazily(__name__)
