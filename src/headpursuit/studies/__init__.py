"""Experiments with controls: tasks, arms, statistics and a verdict in plain words."""

from headpursuit.registry import load_result
from headpursuit.studies.experiments.answers import study
from headpursuit.studies.experiments.captions import CaptioningResult, study_captions
from headpursuit.studies.metrics import contains
from headpursuit.studies.progress import Progress
from headpursuit.studies.results import StudyConfig, StudyResult
from headpursuit.studies.settings import find_task, usual_config
from headpursuit.studies.tasks import CAPTIONING, Task, image_classification, load_task, task_names, usual_settings

__all__ = [
    "CAPTIONING",
    "CaptioningResult",
    "Progress",
    "StudyConfig",
    "StudyResult",
    "Task",
    "contains",
    "find_task",
    "image_classification",
    "load_result",
    "load_task",
    "study",
    "study_captions",
    "task_names",
    "usual_config",
    "usual_settings",
]
