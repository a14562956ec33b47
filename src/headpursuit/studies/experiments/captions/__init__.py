"""Studies of captions: a concept switched down and up in what a model writes about images."""

from headpursuit.studies.experiments.captions.result import KIND, CaptionExample, CaptioningResult
from headpursuit.studies.experiments.captions.shown import shown
from headpursuit.studies.experiments.captions.study import study_captions
from headpursuit.studies.kernel import Experiment
from headpursuit.studies.settings import command, prepare

EXPERIMENT = Experiment("study", KIND, study_captions, shown, command, prepare)

__all__ = ["EXPERIMENT", "CaptionExample", "CaptioningResult", "study_captions"]
