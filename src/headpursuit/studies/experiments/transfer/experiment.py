"""The transfer as one of the experiments."""

from headpursuit.studies.experiments.transfer.config import command
from headpursuit.studies.experiments.transfer.result import KIND
from headpursuit.studies.experiments.transfer.run import find_tasks, transfer
from headpursuit.studies.experiments.transfer.sentences import shown
from headpursuit.studies.kernel import Experiment

EXPERIMENT = Experiment("transfer", KIND, transfer, shown, command, lambda config: {"tasks": find_tasks(config)})
