"""Experiments with controls: tasks, arms, statistics and a verdict in plain words."""

from headpursuit.studies.metrics import contains
from headpursuit.studies.progress import Progress
from headpursuit.studies.results import StudyConfig, StudyResult
from headpursuit.studies.study import check_place, study
from headpursuit.studies.tasks import load_task, task_names

__all__ = [
    "Progress",
    "StudyConfig",
    "StudyResult",
    "check_place",
    "contains",
    "load_task",
    "study",
    "task_names",
]
