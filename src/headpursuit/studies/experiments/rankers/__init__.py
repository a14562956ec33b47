"""Ways of ranking heads, compared by what editing the heads does."""

from headpursuit.studies.experiments.rankers.comparison import compare_rankers
from headpursuit.studies.experiments.rankers.experiment import EXPERIMENT
from headpursuit.studies.experiments.rankers.result import RankersResult, TaskComparison
from headpursuit.studies.experiments.rankers.settings import RankersConfig

__all__ = ["EXPERIMENT", "RankersConfig", "RankersResult", "TaskComparison", "compare_rankers"]
