"""A study's plan with its hash, written before anything is measured, and compared with what was then done."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

from headpursuit.analysis import sha256_of_prompts, versions
from headpursuit.concepts import load_concept
from headpursuit.records import from_record, to_record
from headpursuit.storage import read_json, understood, write_json
from headpursuit.studies.measures import answer_measure, caption_measure
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.settings import divided
from headpursuit.studies.tasks import CAPTIONING, Direction, Question, Task

FILE = "registration.json"


@dataclass(frozen=True)
class SplitPlan:
    """The questions of one group of one split."""

    n_questions: int
    n_facts: int
    sha256: str
    """Of prompts, accepted answers and facts, in their order."""


@dataclass(frozen=True)
class Registration:
    """Everything that decides what a study will say, but for the model's answers."""

    registered: str
    """The time, UTC."""
    settings: dict[str, Any]
    splits: dict[str, SplitPlan]
    """By split and group, such as `heldout target`, and by rung."""
    thresholds: dict[str, dict[str, float]]
    """The lines of the verdict, by direction."""
    version: str
    """Of headpursuit."""
    sha256: str = ""
    """Of all else."""
    asked_sha256: str = ""
    """Of neutral texts, words of both concepts, classes, metric and direction; older plans have none."""

    @property
    def digest(self) -> str:
        """The hash of all but the hash, as it should be."""
        content = {name: value for name, value in to_record(self).items() if name != "sha256"}
        if not self.asked_sha256:
            del content["asked_sha256"]
        return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def register(task: Task, config: StudyConfig, folder: Path) -> Registration:
    """Write the plan of a study into its folder.

    Args:
        task: What is measured.
        config: How.
        folder: Where the study was begun, and nothing is measured yet.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    version = versions()["headpursuit"]
    plan = Registration(
        now,
        to_record(config),
        _splits(task, config),
        _thresholds(task, config),
        version,
        asked_sha256=_asked_sha256(task, config),
    )
    plan = replace(plan, sha256=plan.digest)
    write_json(folder / FILE, to_record(plan))
    return plan


def registered(folder: Path) -> Registration | None:
    """The plan in a study's folder; None if it was not registered.

    Raises:
        ValueError: If it cannot be read, or was changed after it was written.
    """
    file = folder / FILE
    if not file.exists():
        return None
    with understood(file, "registration of a study"):
        plan = from_record(Registration, read_json(file))
    if plan.sha256 != plan.digest:
        raise ValueError(f"{file} does not match its hash: it was changed after it was written; put it back as it was")
    return plan


def followed(plan: Registration | None, task: Task, config: StudyConfig) -> str:
    """The sentence that says whether a study followed its plan; empty if it has none."""
    if plan is None:
        return ""
    settings = to_record(config)
    if not plan.settings.get("date"):  # a chat template's day is that on which the study is begun
        settings["date"] = plan.settings.get("date")
    done = {
        "settings": settings == plan.settings,
        "splits": _splits(task, config) == plan.splits,
        "thresholds": _thresholds(task, config) == plan.thresholds,
        "neutral texts, words, classes, metric or direction": plan.asked_sha256 in ("", _asked_sha256(task, config)),
        "version": versions()["headpursuit"] == plan.version,
    }
    other = [name for name, same in done.items() if not same]
    word = f"not followed: other {' and '.join(other)}" if other else "followed"
    return f"Registered before anything was measured ({plan.registered}, SHA-256 {plan.sha256}): {word}."


def _splits(task: Task, config: StudyConfig) -> dict[str, SplitPlan]:
    asked = divided(task, config).questions
    found = {}
    for name in sorted({f"{q.split} {q.group}" for q in asked}):
        found[name] = _split([q for q in asked if f"{q.split} {q.group}" == name])
    rungs = {f"rung {rung.name}": rung.questions for rung in task.rungs} if config.rungs else {}
    return found | {name: _split(questions) for name, questions in rungs.items()}


def _split(own: Sequence[Question]) -> SplitPlan:
    told = [sha256_of_prompts([q.prompt for q in own]), [[q.answers, q.fact] for q in own]]
    return SplitPlan(len(own), len({q.fact for q in own}), sha256(json.dumps(told).encode()).hexdigest())


def _asked_sha256(task: Task, config: StudyConfig) -> str:
    words = [task.words.words, load_concept(config.other_concept).words]
    words += [task.judges.words] if task.judges else []
    told = [[*map(str, task.neutral_texts)], words, dict(task.classes), task.metric, task.direction]
    return sha256(json.dumps(told).encode()).hexdigest()


def _thresholds(task: Task, config: StudyConfig) -> dict[str, dict[str, float]]:
    lines = {task.direction: answer_measure(task, config).thresholds}
    if config.task == CAPTIONING:
        lines = {way: caption_measure(way, config).thresholds for way in get_args(Direction)}
    return {way: {name: float(line) for name, line in asdict(each).items()} for way, each in lines.items()}
