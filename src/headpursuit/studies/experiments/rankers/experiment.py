"""The comparison of rankers as one of the experiments."""

from typing import Any

from headpursuit.studies.experiments.rankers.comparison import compare_rankers
from headpursuit.studies.experiments.rankers.result import KIND
from headpursuit.studies.experiments.rankers.sentences import shown
from headpursuit.studies.experiments.rankers.settings import RankersConfig, command
from headpursuit.studies.kernel import Experiment


def _prepare(config: RankersConfig) -> dict[str, Any]:
    tasks = config.find_tasks()
    for task in tasks:
        _ = task.words  # refuses a file of words that is missing
    return {"tasks": tasks}


EXPERIMENT = Experiment("rankers", KIND, compare_rankers, shown, command, _prepare)
