"""Rankers compared: of many ways to rank heads, what editing the best heads of each does."""

from typing import TYPE_CHECKING

from headpursuit.lazily import lazily

if TYPE_CHECKING:
    from headpursuit.studies.experiments.rankers.comparison import compare_rankers
    from headpursuit.studies.experiments.rankers.experiment import EXPERIMENT
    from headpursuit.studies.experiments.rankers.result import RankersResult, TaskComparison
    from headpursuit.studies.experiments.rankers.settings import RankersConfig

__all__ = ["EXPERIMENT", "RankersConfig", "RankersResult", "TaskComparison", "compare_rankers"]

__getattr__, __dir__ = lazily(__name__)
