"""Tasks: what studies measure. One file each: a declaration in YAML, or code where images are asked about."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from headpursuit.concepts import load_concept
from headpursuit.media import ImageSet
from headpursuit.studies.tasks.declarations import (
    declaration_file,
    declared_names,
    is_declaration,
    read_declaration,
)
from headpursuit.studies.tasks.declared import declared_task, further_unrelated
from headpursuit.studies.tasks.images import captioning, image_classification
from headpursuit.studies.tasks.speech import TRANSCRIPTION, transcription
from headpursuit.studies.tasks.task import Direction, Question, Rung, Task, accepted_answers, drawn
from headpursuit.studies.tasks.translating import TRANSLATION, translation

_IMAGE_TASKS: dict[str, Callable[[ImageSet], Task]] = {"image-classification": image_classification}

_RESTATING: dict[str, Callable[[str, str], Task]] = {TRANSCRIPTION: transcription, TRANSLATION: translation}

CAPTIONING = "captioning"
"""The task whose concept is given, and which `study_captions` runs."""


def task_names() -> tuple[str, ...]:
    """All tasks that come with the package."""
    return tuple(sorted([*declared_names(), *_IMAGE_TASKS, CAPTIONING, *_RESTATING]))


def takes_concept(name: str) -> bool:
    """True if a task has a concept of the caller's choice."""
    return name == CAPTIONING or name in _RESTATING


def is_image_task(name: str) -> bool:
    """True if a task asks about images."""
    return name in _IMAGE_TASKS or name == CAPTIONING


def usual_settings(name: str) -> dict[str, Any]:
    """Settings of a study whose defaults are a task's own.

    Raises:
        FileNotFoundError: If a task's file is missing.
        ValueError: If it cannot be read.
    """
    if name in _RESTATING:
        return {"positions": "generated", "max_new_tokens": 24, "sweep": True, "batch_size": 16}
    if not is_image_task(name):
        file = declaration_file(name)
        if not is_declaration(name) and not file.exists():
            return {}
        declared = read_declaration(file)
        enhancing = {"sweep": True, "scales": "1.5,2,3,5"} if declared.get("direction") == "enhance" else {}
        return {"baselines": True, "rungs": True, "bootstraps": 20} | enhancing | dict(declared.get("settings", {}))
    usual: dict[str, Any] = {"chat": True, "positions": "generated", "sweep": True, "baselines": name != CAPTIONING}
    if name == CAPTIONING:
        usual |= {
            "max_new_tokens": 32,
            "images": 100,
            "selection_images": 200,
            "other_concept": "shapes",
            "effect": 0.6,
            "damage": 0.2,
        }
    return usual


def file_settings(name: str) -> dict[str, Any]:
    """The settings in a task's file."""
    return dict(read_declaration(Path(name)).get("settings", {}))


def load_task(
    name: str,
    images: ImageSet | None = None,
    concept: str = "",
    *,
    data: str = "",
    scorer: str = "",
    seed: int = 0,
    wide: bool = False,
) -> Task:
    """A task by name, or by its file.

    Args:
        name: One of `task_names()`, or a declaration (.yaml).
        images: What an image task asks about.
        concept: What captions or transcripts are read for: a built-in name or a file.
        data: Where a task's rows are read from, instead of the place that its file names; recordings.
        scorer: What judges outputs, instead of the task's own.
        seed: Of the rows that are drawn where a declaration has a limit.
        wide: Where common unrelated questions are asked, ask the further ones, too, on which an edit can be grown.

    Raises:
        FileNotFoundError: If there is no such file or concept.
        ValueError: If there is no such task (the text names those there are), it cannot be what its file declares, or
            it lacks images or a concept, or has no use for them.
    """
    if name not in task_names() and not is_declaration(name):
        raise ValueError(f"there is no task {name!r}; there is {', '.join(task_names())}, or a file of yours (.yaml)")
    if concept and not takes_concept(name):
        raise ValueError(f"{name} has a concept of its own; leave `concept` out")
    if takes_concept(name) and not concept:
        raise ValueError(f"{name} needs a concept whose words are counted; name it with `concept`, like colours")
    if name in _RESTATING:
        return _RESTATING[name](concept, data)
    if not is_image_task(name):
        if images is not None:
            raise ValueError(f"{name} asks about no images")
        return declared_task(declaration_file(name), data=data, scorer=scorer, seed=seed, wide=wide)
    if images is None:
        raise ValueError(f"{name} needs images; name a set or a folder of them with `data`")
    if name != CAPTIONING:
        return _IMAGE_TASKS[name](images)
    return captioning(images, load_concept(concept))


def asked_for(name: str) -> tuple[str, dict[str, Any]]:
    """The task that a file asks for, with its settings; a file may name a task instead of declaring one.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it cannot be read, or both names and declares a task.
    """
    if not is_declaration(name):
        return name, usual_settings(name)
    declared = read_declaration(Path(name))
    if "task" not in declared:
        return name, usual_settings(name)
    other = sorted(set(declared) - {"task", "settings", "name"})
    if other:
        raise ValueError(f"{name} names a task and declares one too ({', '.join(other)}); give either")
    return str(declared["task"]), usual_settings(str(declared["task"])) | dict(declared.get("settings", {}))


__all__ = [
    "CAPTIONING",
    "TRANSCRIPTION",
    "TRANSLATION",
    "Direction",
    "Question",
    "Rung",
    "Task",
    "accepted_answers",
    "asked_for",
    "captioning",
    "drawn",
    "file_settings",
    "further_unrelated",
    "image_classification",
    "is_declaration",
    "is_image_task",
    "load_task",
    "takes_concept",
    "task_names",
    "usual_settings",
]
