"""Studies of captions: a concept switched down and up in what a model writes about images."""

from headpursuit.studies.experiments.captions.experiment import EXPERIMENT
from headpursuit.studies.experiments.captions.result import CaptionExample, CaptioningResult
from headpursuit.studies.experiments.captions.study import study_captions

__all__ = ["EXPERIMENT", "CaptionExample", "CaptioningResult", "study_captions"]
