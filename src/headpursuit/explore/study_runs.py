"""Studies and dose sheets from the page: with progress, called off at any time, in folders that are whole or absent."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from headpursuit.concepts import builtin_concepts
from headpursuit.explore.jobs import Job
from headpursuit.explore.starting import TASKS
from headpursuit.explore.workbench import Workbench
from headpursuit.models import LanguageModel, twin
from headpursuit.report import render
from headpursuit.studies import (
    CAPTIONING,
    CaptioningResult,
    StudyConfig,
    StudyResult,
    study,
    usual_config,
)

_OF_IMAGES = {
    "digits": ("image-classification", "digits"),
    "scenes": ("image-classification", "scenes"),
    "captions of scenes": (CAPTIONING, "scenes"),
}
"""Tasks about images, and their images, which come with the package or are drawn."""


def offered_studies(model: LanguageModel) -> tuple[str, ...]:
    """Studies that the page offers: those about images first, where the model sees."""
    return (*(_OF_IMAGES if model.sees_images else ()), *TASKS)


@dataclass(frozen=True)
class Stage:
    """The progress of a study."""

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


def study_config(bench: Workbench, name: str, concept: str = "", **settings: Any) -> StudyConfig:
    """The settings of a study that the page offers.

    Args:
        bench: The workbench.
        name: One of `offered_studies`.
        concept: What captions are read for, a built-in list; other studies have concepts of their own.
        settings: Of `StudyConfig`, where they are not the task's usual ones.

    Raises:
        ValueError: If there is no such study, captions cannot be read for the concept, or a setting cannot be.
    """
    offered = offered_studies(bench.model)
    if name not in offered:
        raise ValueError(f"there is no study {name!r} here; choose {', '.join(offered)}")
    task, data = _OF_IMAGES.get(name, (name, ""))
    if data:
        settings["data"] = data
    if task == CAPTIONING:
        settings["concept"] = _read_for(concept, settings)
    # A visitor waits for it, and choosing what to compare with takes a while.
    settings = {"baselines": False, "rungs": False, "bootstraps": 0} | settings
    return usual_config(task, bench.model.name, anatomy=bench.model.handed_file, **settings)


def _read_for(concept: str, settings: dict[str, Any]) -> str:
    if "heads" in settings or "scale" in settings:
        raise ValueError("captions are studied in both directions, each with a dose of its own; tick the dose sheet")
    if concept not in builtin_concepts():
        raise ValueError(
            "captions are read for a built-in list; choose one as the concept above, or run headpursuit study "
            "captioning with a file of words"
        )
    return concept


def _run(bench: Workbench, config: StudyConfig, output: Path, tell: Callable[[Stage], None]) -> None:
    output.mkdir(parents=True, exist_ok=True)
    with bench.turn(lambda: tell(Stage("waiting for the model", 0, 1))) as shared:
        model = twin(shared)
    parts = (Path(config.task).stem, Path(config.data).stem, Path(config.concept).stem, Path(config.model).name)
    name = "-".join(filter(None, parts))
    hidden = Path(tempfile.mkdtemp(dir=output, prefix=f".{name}."))
    try:
        place = hidden / name
        result = study(model, config, place, progress=lambda stage, done, total: tell(Stage(stage, done, total)))
        render(place)
        tell(Stage("report", 1, 1))
        finished = _settled(place, output / name)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    tell(Stage("done", 1, 1, finished, _verdict(result)))


def _verdict(result: StudyResult | CaptioningResult) -> str:
    if isinstance(result, CaptioningResult):
        return " ".join(f"{way}: {found.outcome}: {found.sentence}" for way, found in result.verdicts.items())
    return f"{result.verdict.outcome}: {result.verdict.sentence}"


def _settled(made: Path, wanted: Path) -> Path:
    """Move a finished folder to its place, or to the first of the place's numbered siblings that is not taken."""
    number, place = 1, wanted
    while place.exists():
        number += 1
        place = wanted.with_name(f"{wanted.name}-{number}")
    return made.rename(place)
