"""Experiments with controls: tasks, arms, statistics and a verdict in plain words."""

from headpursuit.studies.metrics import contains, is_right
from headpursuit.studies.progress import Progress
from headpursuit.studies.results import StudyConfig, StudyResult
from headpursuit.studies.settings import find_task, usual_config
from headpursuit.studies.study import check_place, study
from headpursuit.studies.tasks import Task, image_classification, load_task, task_names, usual_settings

__all__ = [
    "Progress",
    "StudyConfig",
    "StudyResult",
    "Task",
    "check_place",
    "contains",
    "find_task",
    "image_classification",
    "is_right",
    "load_task",
    "study",
    "task_names",
    "usual_config",
    "usual_settings",
]
