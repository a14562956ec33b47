"""Studies of captions: a concept switched down and up in what a model writes about images."""

from headpursuit.studies.experiments.captions.experiment import EXPERIMENT
from headpursuit.studies.experiments.captions.figures import CaptionArm
from headpursuit.studies.experiments.captions.judging import CaptionThresholds
from headpursuit.studies.experiments.captions.result import CaptionExample, CaptioningResult
from headpursuit.studies.experiments.captions.sheets import CaptionCell, CaptionSheet
from headpursuit.studies.experiments.captions.study import study_captions
from headpursuit.studies.tasks import Direction

__all__ = [
    "EXPERIMENT",
    "CaptionArm",
    "CaptionCell",
    "CaptionExample",
    "CaptionSheet",
    "CaptionThresholds",
    "CaptioningResult",
    "Direction",
    "study_captions",
]
