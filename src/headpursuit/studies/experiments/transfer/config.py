"""The settings of a transfer: the tasks, and the edit that is carried from one to the other."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from headpursuit.given import listed
from headpursuit.heads import count_of, parse_scope
from headpursuit.settings import Flag, RankConfig, RunSettings, config_of, known, settings_in, typed, values_of
from headpursuit.studies.config import StudyConfig
from headpursuit.studies.kernel import command_line

_SHARED = frozenset(
    {"task", "model", "heads", "scale", "scope", "controls", "other_concept", "date", "sweep", "sweep_questions"}
    | {"effect", "doses", "scales", "enhance_scales", "also"}
    | {each.name for kind in (RankConfig, RunSettings) for each in fields(kind)}
)
"""Settings of a study that a task of a transfer cannot have for itself."""

_OWN = {name: each.kind for name, each in settings_in(StudyConfig).items() if name not in _SHARED}

OWN_SETTINGS = tuple(_OWN)
"""Settings of a study that each task has for itself: what is asked, and how."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class TransferTask:
    """One task: a concept on a dataset; a row and a column of the matrix."""

    name: str
    """Its name: lower case, digits and dashes."""
    task: str
    """The task as `headpursuit study` names it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of its study that are its own, such as `data`, `ask` or `concept`."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} cannot name a task; use lower case, digits and dashes, like my-task")
        unknown = sorted(set(self.settings) - set(OWN_SETTINGS))
        if unknown:
            raise ValueError(
                f"the task {self.name} has no setting {unknown[0]!r}; it can have {', '.join(OWN_SETTINGS)}"
            )
        own = {name: typed(_OWN[name], value, f"the task {self.name}, {name}") for name, value in self.settings.items()}
        object.__setattr__(self, "settings", own)
        if self.task == "captioning":
            raise ValueError(
                "captioning has figures of its own, which no other task can be compared with; to ask whether captions "
                'name a class, give image-classification with ask: "Describe the image."'
            )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "TransferTask":
        """Read `{task: ..., data: ..., name: ...}`; without a name, task (a file's by the name in it) and data are it.

        Raises:
            ValueError: If it names no task, or a setting that it cannot have.
        """
        settings = {key: value for key, value in row.items() if key not in ("name", "task")}
        if not isinstance(row.get("task"), str):
            raise ValueError(f"each of the tasks needs a key task, like task: countries-qa; one has {dict(row)!r}")
        parts = [_named(row["task"]), *(str(settings[key]) for key in ("data", "concept") if settings.get(key))]
        usual = re.sub(r"[^a-z0-9]+", "-", "-".join(Path(part).stem.lower() for part in parts)).strip("-")
        return cls(str(row.get("name", usual)), row["task"], settings)

    def to_row(self) -> dict[str, Any]:
        """The reverse of `from_row`."""
        return {"name": self.name, "task": self.task, **self.settings}


def _named(task: str) -> str:
    """The name that a task's file gives it; where it gives none, the file."""
    from headpursuit.studies.tasks.declarations import is_declaration, read_declaration

    return str(read_declaration(Path(task)).get("name") or task) if is_declaration(task) else task


@dataclass(frozen=True)
class TransferConfig(RunSettings):
    """Everything that decides the outcome; saved as `config.json`, which can be given as the tasks of another run."""

    model: Annotated[str, Flag("MODEL")]
    """smollm2-135m, smollava-135m (sees), a hub id, a local folder (also of an adapter), or a GGUF file."""
    tasks: tuple[TransferTask, ...]
    heads: str = "1%"
    """Number of each task's heads that are edited, or a percentage of all."""
    scale: float = -1.0
    """The factor on what they write; below 1, as tasks measure suppression."""
    scope: str = "all"
    """The tokens that edits act on: all, prompt, generated, image, text, or positions like 0,-1."""
    controls: Annotated[int, Flag(least=1)] = 3
    """Draws of random heads of the same layers, for each task's heads."""
    images: Annotated[int | None, Flag(usual="200")] = None
    """Held-out images of each image task, at most, unless it says otherwise."""
    selection_images: Annotated[int | None, Flag(usual="200")] = None
    """Images that heads are ranked on, at most."""
    ranking: RankConfig = field(default_factory=RankConfig)
    date: Annotated[str, Flag(usual="the day on which it is begun")] = ""
    """Now, to a chat template that writes date or time, like 2026-07-14."""

    def __post_init__(self) -> None:
        super().__post_init__()
        given = listed(self.tasks, "task", TransferTask, "a list of TransferTask, two at least")
        object.__setattr__(self, "tasks", given)
        if len(self.tasks) < 2:
            raise ValueError(f"transfer needs at least two tasks, but {len(self.tasks)} was given; name another")
        twice = [name for name, n in Counter(task.name for task in self.tasks).items() if n > 1]
        if twice:
            raise ValueError(f"two tasks are called {twice[0]}; give each a name of its own in a YAML file")
        count_of(self.heads, 10**9)
        parse_scope(self.scope)
        if not self.scale < 1:
            raise ValueError(f"the scale is {self.scale:g}; transfer measures suppression; give one below 1")
        if self.ranking.seed != self.seed:
            raise ValueError(f"the ranking's seed is {self.ranking.seed} and the seed {self.seed}; there is but one")
        for task in self.tasks:
            self.study_of(task)

    def study_of(self, task: TransferTask) -> StudyConfig:
        """One task's settings as those of a study."""
        from headpursuit.studies.settings import study_within
        from headpursuit.studies.tasks import is_image_task

        images = {"images": self.images, "selection_images": self.selection_images} if is_image_task(task.task) else {}
        own = {name: most for name, most in images.items() if most is not None} | dict(task.settings)
        return study_within(self, task.task, heads=self.heads, scale=self.scale, controls=self.controls, **own)

    @classmethod
    def of(cls, model: str, tasks: Sequence[TransferTask], settings: Mapping[str, Any]) -> "TransferConfig":
        """Settings by the names of their flags; those of the ranking stand among the others.

        Raises:
            ValueError: If there is no such setting, or one cannot be.
        """
        known(cls, settings, "settings", besides=("model", "tasks"))
        return config_of(cls, {**settings, "model": model, "tasks": tuple(tasks)}, "settings")

    def to_json(self) -> dict[str, Any]:
        """The config in the form of a file of tasks."""
        settings = {name: value for name, value in values_of(self).items() if name not in ("model", "tasks")}
        return {"model": self.model, "settings": settings, "tasks": [task.to_row() for task in self.tasks]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "TransferConfig":
        """The reverse of `to_json`."""
        return cls.of(content["model"], [TransferTask.from_row(row) for row in content["tasks"]], content["settings"])


def command(config: TransferConfig, folder: Path) -> str:
    """The command that runs it again; tasks and settings stand in the folder."""
    again = [f"{folder.resolve().name}/config.json"]
    return command_line("transfer", config, folder, extra=again, unsaid=values_of(config), again=True)
