"""The study of answers as one of the experiments."""

from headpursuit.studies.experiments.answers.shown import shown
from headpursuit.studies.experiments.answers.study import study
from headpursuit.studies.kernel import Experiment
from headpursuit.studies.results.study_result import KIND
from headpursuit.studies.settings import command, prepare

EXPERIMENT = Experiment("study", KIND, study, shown, command, prepare)
