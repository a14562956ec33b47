"""Studies and dose sheets from the page: with progress, called off at any time, in folders that are whole or absent."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from headpursuit.explore.jobs import Job
from headpursuit.explore.starting import TASKS
from headpursuit.explore.workbench import Workbench
from headpursuit.models import twin
from headpursuit.report import render
from headpursuit.studies import StudyConfig, study, usual_config

RUNNABLE = TASKS
"""Tasks whose questions come with the package."""


@dataclass(frozen=True)
class Stage:
    """How far a study is."""

    name: str
    done: int
    total: int
    folder: Path | None = None
    """Of the results, once they are there."""
    verdict: str = ""


def run_study(bench: Workbench, config: StudyConfig, output: Path) -> Job[Stage]:
    """Run a study beside everything else, on modules of its own, so that no other answer is edited or waits.

    Args:
        bench: The workbench.
        config: What `study_config` returned.
        output: The folder that results go into; while the study runs, in a hidden folder there, which is removed if
            the study is called off or fails.
    """
    return Job(partial(_run, bench, config, output))


def study_config(bench: Workbench, task: str, **settings: Any) -> StudyConfig:
    """The settings of a study that the page offers.

    Args:
        bench: The workbench.
        task: One of `RUNNABLE`.
        settings: Of `StudyConfig`, where they are not the task's usual ones.

    Raises:
        ValueError: If the task is none of `RUNNABLE`, or a setting cannot be.
    """
    if task not in RUNNABLE:
        raise ValueError(f"there is no task {task!r} here; choose {', '.join(RUNNABLE)}")
    return usual_config(task, bench.model.name, **settings)


def _run(bench: Workbench, config: StudyConfig, output: Path, tell: Callable[[Stage], None]) -> None:
    output.mkdir(parents=True, exist_ok=True)
    with bench.turn(lambda: tell(Stage("waiting for the model", 0, 1))) as shared:
        model = twin(shared)
    name = f"{Path(config.task).stem}-{Path(config.model).name}"
    hidden = Path(tempfile.mkdtemp(dir=output, prefix=f".{name}."))
    try:
        place = hidden / name
        result = study(model, config, place, progress=lambda stage, done, total: tell(Stage(stage, done, total)))
        render(place)
        tell(Stage("report", 1, 1))
        finished = _settled(place, output / name)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    tell(Stage("done", 1, 1, finished, f"{result.verdict.outcome}: {result.verdict.sentence}"))


def _settled(made: Path, wanted: Path) -> Path:
    """Move a finished folder to its place, or to the first of the place's numbered siblings that is not taken."""
    number, place = 1, wanted
    while place.exists():
        number += 1
        place = wanted.with_name(f"{wanted.name}-{number}")
    return made.rename(place)
