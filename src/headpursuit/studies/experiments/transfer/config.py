"""What a transfer is asked for: the tasks, and the edit that is carried from one to the other."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from headpursuit.analysis import RankConfig, count_of
from headpursuit.given import listed
from headpursuit.heads import parse_scope
from headpursuit.studies.kernel import command_line, settings_of
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.settings import study_within
from headpursuit.studies.tasks import CAPTIONING
from headpursuit.studies.typed import typed

_SHARED = frozenset(
    {"task", "model", "revision", "heads", "scale", "scope", "controls", "other_concept", "ranking", "batch_size"}
    | {
        "seed",
        "device",
        "dtype",
        "date",
        "sweep",
        "sweep_questions",
        "effect",
        "doses",
        "scales",
        "enhance_scales",
        "also",
    }
)
"""Settings of a study that a task of a transfer cannot have for itself."""

_OWN = {f.name: f.type for f in fields(StudyConfig) if f.name not in _SHARED}

OWN_SETTINGS = tuple(_OWN)
"""Settings of a study that each task has for itself: what is asked, and how."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class TransferTask:
    """One task: a concept on a dataset; a row and a column of the matrix."""

    name: str
    """What it is called: lower case, digits and dashes."""
    task: str
    """What `headpursuit study` would call it."""
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
        if self.task == CAPTIONING:
            raise ValueError(
                "captioning has figures of its own, which no other task can be compared with; to ask whether captions "
                'name a class, give image-classification with ask: "Describe the image."'
            )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "TransferTask":
        """Read `{task: ..., data: ..., name: ...}`; without a name, task and data are its name.

        Raises:
            ValueError: If it names no task, or a setting that it cannot have.
        """
        settings = {key: value for key, value in row.items() if key not in ("name", "task")}
        if not isinstance(row.get("task"), str):
            raise ValueError(f"each of the tasks needs a key task, like task: countries-qa; one has {dict(row)!r}")
        parts = [row["task"], *(str(settings[key]) for key in ("data", "concept") if settings.get(key))]
        usual = re.sub(r"[^a-z0-9]+", "-", "-".join(Path(part).stem.lower() for part in parts)).strip("-")
        return cls(str(row.get("name", usual)), row["task"], settings)

    def to_row(self) -> dict[str, Any]:
        """The reverse of `from_row`."""
        return {"name": self.name, "task": self.task, **self.settings}


@dataclass(frozen=True)
class TransferConfig:
    """Everything that decides the outcome; saved as `config.json`, which can be given as the tasks of another run."""

    model: str
    tasks: tuple[TransferTask, ...]
    revision: str | None = None
    heads: str = "1%"
    """How many of each task's heads are edited: a number, or a percentage of all."""
    scale: float = -1.0
    """What they are multiplied by; below 1, as tasks measure suppression."""
    scope: str = "all"
    controls: int = 3
    """Draws of random heads of the same layers for each set of heads."""
    images: int | None = None
    """Held-out images of each image task, at most, unless it says otherwise; None for as many as in a study."""
    selection_images: int | None = None
    """Images that heads are ranked on, the same."""
    ranking: RankConfig = field(default_factory=RankConfig)
    batch_size: int = 64
    seed: int = 0
    """Seed of everything random, the ranking's dictionaries included."""
    device: str = "auto"
    dtype: str = "auto"
    date: str = ""
    """Now, to chat templates that write the date or time; if empty, the day on which the run is begun."""

    def __post_init__(self) -> None:
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
        if self.controls < 1:
            raise ValueError(f"controls is {self.controls}; it must be at least 1")
        if self.ranking.seed != self.seed:
            raise ValueError(f"the ranking's seed is {self.ranking.seed} and the seed {self.seed}; there is but one")
        for task in self.tasks:
            self.study_of(task)

    def study_of(self, task: TransferTask) -> StudyConfig:
        """One task's settings as those of a study."""
        images = {"images": self.images, "selection_images": self.selection_images}
        shared = {name: most for name, most in images.items() if most is not None}
        own = shared | dict(task.settings)
        return study_within(self, task.task, heads=self.heads, scale=self.scale, controls=self.controls, **own)

    @classmethod
    def of(cls, model: str, tasks: Sequence[TransferTask], settings: Mapping[str, Any]) -> "TransferConfig":
        """Settings by the names of their flags; those of the ranking stand among the others.

        Raises:
            ValueError: If there is no such setting, or one cannot be.
        """
        of_ranking = {f.name for f in fields(RankConfig)}
        known = {f.name for f in fields(cls)} - {"model", "tasks", "ranking"} | of_ranking
        unknown = sorted(set(settings) - known)
        if unknown:
            raise ValueError(f"transfer has no setting {unknown[0]!r}; it has {', '.join(sorted(known))}")
        types = {f.name: f.type for kind in (RankConfig, cls) for f in fields(kind)}
        given = {name: typed(types[name], value, f"settings, {name}") for name, value in settings.items()}
        ranking = RankConfig(**{name: value for name, value in given.items() if name in of_ranking})
        others = {name: value for name, value in given.items() if name not in of_ranking - {"seed"}}
        return cls(model, tuple(tasks), ranking=ranking, **others)

    def to_json(self) -> dict[str, Any]:
        """The config in the form of a file of tasks."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("model", "tasks", "ranking")}
        ranking = {f.name: getattr(self.ranking, f.name) for f in fields(self.ranking)}
        return {
            "model": self.model,
            "settings": ranking | own,
            "tasks": [task.to_row() for task in self.tasks],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "TransferConfig":
        """The reverse of `to_json`."""
        return cls.of(content["model"], [TransferTask.from_row(row) for row in content["tasks"]], content["settings"])


def command(config: TransferConfig, folder: Path) -> str:
    """The command that runs it again; tasks and settings stand in the folder."""
    again = [f"{folder.resolve().name}/config.json"]
    unsaid = settings_of(config).keys()
    return command_line("transfer", config, folder, arguments=["model"], extra=again, unsaid=unsaid, again=True)
