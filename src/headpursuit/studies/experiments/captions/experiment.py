"""The study of captions as one of the experiments."""

from headpursuit.studies.experiments.captions.result import KIND
from headpursuit.studies.experiments.captions.shown import shown
from headpursuit.studies.experiments.captions.study import study_captions
from headpursuit.studies.kernel import Experiment
from headpursuit.studies.settings import command, prepare

EXPERIMENT = Experiment("study", KIND, study_captions, shown, command, prepare)
