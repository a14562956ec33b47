"""The transfer as one of the experiments."""

from typing import Any

from headpursuit.studies.experiments.transfer.config import TransferConfig, command
from headpursuit.studies.experiments.transfer.result import KIND
from headpursuit.studies.experiments.transfer.run import find_tasks, transfer
from headpursuit.studies.experiments.transfer.shown import shown
from headpursuit.studies.kernel import Experiment


def _prepare(config: TransferConfig) -> dict[str, Any]:
    return {"tasks": find_tasks(config)}


EXPERIMENT = Experiment("transfer", KIND, transfer, shown, command, _prepare)
