"""Experiments with controls: tasks, arms, statistics and a verdict in plain words."""

from typing import TYPE_CHECKING

from headpursuit.lazily import lazily

if TYPE_CHECKING:
    from headpursuit.registry import load_result
    from headpursuit.studies.config import StudyConfig
    from headpursuit.studies.experiments.captions import CaptioningResult, study_captions
    from headpursuit.studies.kernel.progress import Progress
    from headpursuit.studies.results import StudyResult
    from headpursuit.studies.running import register_study, study
    from headpursuit.studies.settings import find_task, usual_config
    from headpursuit.studies.tasks import CAPTIONING, Task, image_classification, load_task, task_names, usual_settings
    from headpursuit.studies.text.metrics import contains

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
    "register_study",
    "study",
    "study_captions",
    "task_names",
    "usual_config",
    "usual_settings",
]

__getattr__, __dir__ = lazily(__name__)
