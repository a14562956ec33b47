"""Studies of captions: a concept switched down and up in what a model writes about images."""

from headpursuit.studies.captioning.figures import CaptionArm
from headpursuit.studies.captioning.judging import CaptionThresholds
from headpursuit.studies.captioning.result import CaptionExample, CaptioningResult
from headpursuit.studies.captioning.sheets import CaptionCell, CaptionSheet
from headpursuit.studies.captioning.study import study_captions
from headpursuit.studies.tasks import Direction

__all__ = [
    "CaptionArm",
    "CaptionCell",
    "CaptionExample",
    "CaptionSheet",
    "CaptionThresholds",
    "CaptioningResult",
    "Direction",
    "study_captions",
]
