"""Which way of ranking heads finds those that matter? Compared by what editing them does."""

from headpursuit.studies.rankers.comparison import compare_rankers
from headpursuit.studies.rankers.result import RankersResult, TaskComparison
from headpursuit.studies.rankers.settings import RankersConfig

__all__ = ["RankersConfig", "RankersResult", "TaskComparison", "compare_rankers"]
