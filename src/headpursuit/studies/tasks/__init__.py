"""Tasks: what studies measure. One file each."""

from collections.abc import Callable
from typing import Any

from headpursuit.concepts import load_concept
from headpursuit.images import ImageSet
from headpursuit.studies.tasks.captioning import captioning
from headpursuit.studies.tasks.countries_qa import countries_qa
from headpursuit.studies.tasks.image_classification import image_classification
from headpursuit.studies.tasks.task import Question, Task

_TASKS: dict[str, Callable[[], Task]] = {"countries-qa": countries_qa}
_IMAGE_TASKS: dict[str, Callable[[ImageSet], Task]] = {"image-classification": image_classification}

CAPTIONING = "captioning"
"""The task whose concept is given, and which `study_captions` runs."""


def task_names() -> tuple[str, ...]:
    """All tasks."""
    return tuple(sorted([*_TASKS, *_IMAGE_TASKS, CAPTIONING]))


def is_image_task(name: str) -> bool:
    """Whether a task asks about images."""
    return name in _IMAGE_TASKS or name == CAPTIONING


def usual_settings(name: str) -> dict[str, Any]:
    """Settings of a study whose defaults are a task's own."""
    if not is_image_task(name):
        return {}
    usual: dict[str, Any] = {"chat": True, "positions": "generated", "sweep": True}
    if name == CAPTIONING:
        usual |= {"max_new_tokens": 32, "images": 100, "selection_images": 100, "other_concept": "shapes"}
    return usual


def load_task(name: str, images: ImageSet | None = None, concept: str = "") -> Task:
    """A task by name.

    Args:
        name: One of `task_names()`.
        images: What an image task asks about.
        concept: What captions are read for: a built-in name or a file.

    Raises:
        FileNotFoundError: If there is no such concept.
        ValueError: If there is no such task (the text names those there are), or it lacks images or a concept, or has
            no use for them.
    """
    if name not in task_names():
        raise ValueError(f"there is no task {name!r}; there is {', '.join(task_names())}")
    if concept and name != CAPTIONING:
        raise ValueError(f"{name} has a concept of its own; leave --concept out")
    if not is_image_task(name):
        if images is not None:
            raise ValueError(f"{name} asks about no images; leave --data out")
        return _TASKS[name]()
    if images is None:
        raise ValueError(f"{name} needs images; name a set or a folder of them with --data")
    if name != CAPTIONING:
        return _IMAGE_TASKS[name](images)
    if not concept:
        raise ValueError("captioning needs a concept whose words are counted; name it with --concept, like colours")
    return captioning(images, load_concept(concept))


__all__ = [
    "CAPTIONING",
    "Question",
    "Task",
    "captioning",
    "image_classification",
    "is_image_task",
    "load_task",
    "task_names",
    "usual_settings",
]
