"""Tasks: what studies measure. One file each."""

from collections.abc import Callable

from headpursuit.studies.tasks.countries_qa import countries_qa
from headpursuit.studies.tasks.task import Question, Task

_TASKS: dict[str, Callable[[], Task]] = {"countries-qa": countries_qa}


def task_names() -> tuple[str, ...]:
    """All tasks."""
    return tuple(sorted(_TASKS))


def load_task(name: str) -> Task:
    """A task by name.

    Raises:
        ValueError: If there is no such task; the text names those there are.
    """
    if name not in _TASKS:
        raise ValueError(f"there is no task {name!r}; there is {', '.join(task_names())}")
    return _TASKS[name]()


__all__ = ["Question", "Task", "load_task", "task_names"]
