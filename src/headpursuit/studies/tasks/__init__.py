"""Tasks: what studies measure. One file each."""

from collections.abc import Callable
from typing import Any

from headpursuit.images import ImageSet
from headpursuit.studies.tasks.countries_qa import countries_qa
from headpursuit.studies.tasks.image_classification import image_classification
from headpursuit.studies.tasks.task import Question, Task

_TASKS: dict[str, Callable[[], Task]] = {"countries-qa": countries_qa}
_IMAGE_TASKS: dict[str, Callable[[ImageSet], Task]] = {"image-classification": image_classification}


def task_names() -> tuple[str, ...]:
    """All tasks."""
    return tuple(sorted([*_TASKS, *_IMAGE_TASKS]))


def is_image_task(name: str) -> bool:
    """Whether a task asks about images."""
    return name in _IMAGE_TASKS


def usual_settings(name: str) -> dict[str, Any]:
    """Settings of a study whose defaults are a task's own."""
    return {"chat": True, "positions": "generated", "sweep": True} if is_image_task(name) else {}


def load_task(name: str, images: ImageSet | None = None) -> Task:
    """A task by name.

    Args:
        name: One of `task_names()`.
        images: What an image task asks about.

    Raises:
        ValueError: If there is no such task (the text names those there are), or it lacks images, or has no use for
            them.
    """
    if name not in task_names():
        raise ValueError(f"there is no task {name!r}; there is {', '.join(task_names())}")
    if not is_image_task(name):
        if images is not None:
            raise ValueError(f"{name} asks about no images; leave --data out")
        return _TASKS[name]()
    if images is None:
        raise ValueError(f"{name} needs images; name a set or a folder of them with --data")
    return _IMAGE_TASKS[name](images)


__all__ = [
    "Question",
    "Task",
    "image_classification",
    "is_image_task",
    "load_task",
    "task_names",
    "usual_settings",
]
