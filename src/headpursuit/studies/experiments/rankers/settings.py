"""What is asked for when rankers are compared."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from headpursuit.analysis import RankConfig, count_of
from headpursuit.analysis.rankers import DEFAULT, Ranker, find_ranker, ranker_names
from headpursuit.given import listed
from headpursuit.heads import parse_scope
from headpursuit.studies.kernel import command_line
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.scoring import check_metric
from headpursuit.studies.settings import check_side, find_task, study_within
from headpursuit.studies.tasks import CAPTIONING, Task, is_image_task
from headpursuit.studies.typed import parts_of, scales_of


@dataclass(frozen=True)
class RankersConfig:
    """Everything that decides the outcome; saved as `config.json`."""

    tasks: tuple[str, ...]
    """Each has its own concept, questions and ranking prompts."""
    model: str
    revision: str | None = None
    rankers: str = ""
    """Names with commas; empty: all. The default ranker, which the others are compared with, is always among them."""
    heads: str = "1,2,4"
    """Numbers or percentages of heads that every ranker's best are edited of."""
    scales: str = "-1"
    """What they are multiplied by; a ranker's figure is that of the scale that does most without damage."""
    questions: int = 0
    """Held-out questions of each group that every arm answers, at most; 0: all."""
    draws: int = 5
    """Random orders of the heads."""
    scope: str = "all"
    """Which tokens the edits act on."""
    ranking: RankConfig = field(default_factory=RankConfig)
    """Atoms, random dictionaries and tokens; score, rule and centring are each ranker's own."""
    samples: int = 1000
    """Captured positions that are kept one by one."""
    batch_size: int = 64
    data: str = ""
    """The image set of image tasks."""
    seed: int = 0
    device: str = "auto"
    dtype: str = "auto"
    date: str = ""
    """Now, to chat templates that write the date or time; if empty, the day on which the run is begun."""

    def __post_init__(self) -> None:
        named = listed(self.tasks, "task", str, "a task to compare rankers on, like countries-qa, or several")
        object.__setattr__(self, "tasks", named)
        if len(set(self.tasks)) != len(self.tasks):
            raise ValueError(f"a task is named twice in {', '.join(self.tasks)}")
        for name in ("draws", "batch_size", "samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.questions < 0:
            raise ValueError(f"questions is {self.questions}; give a number, or 0 for all")
        parse_scope(self.scope)
        self.counts(10**9)
        _ = self.all_rankers, self.all_scales

    def counts(self, n_heads: int) -> tuple[int, ...]:
        """Numbers of heads, few first.

        Raises:
            ValueError: If there are none, or more than the model has.
        """
        if not parts_of(self.heads):
            raise ValueError("there is no number of heads to edit; give some, like 1,2,4")
        return tuple(sorted({count_of(part, n_heads) for part in parts_of(self.heads)}))

    @property
    def all_scales(self) -> tuple[float, ...]:
        """The scales.

        Raises:
            ValueError: If there are none, or one changes nothing.
        """
        scales = scales_of(self.scales)
        if not scales or not all(math.isfinite(scale) and scale != 1 for scale in scales):
            raise ValueError(f"scales are finite numbers other than 1, but --scales is {self.scales!r}")
        return scales

    @property
    def all_rankers(self) -> tuple[Ranker, ...]:
        """The rankers, the default first.

        Raises:
            ValueError: If one is unknown.
        """
        names = parts_of(self.rankers) or ranker_names()
        return tuple(find_ranker(name) for name in dict.fromkeys([DEFAULT, *names]))

    def study(self, task: str) -> StudyConfig:
        """How a task's questions are put and its ranking prompts captured: as in a study of it."""
        of_images = {"data": self.data} if self.data and is_image_task(task) else {}
        return study_within(self, task, **of_images)

    def find_tasks(self) -> tuple[Task, ...]:
        """The tasks; nothing is known of a model yet.

        Raises:
            FileNotFoundError: If there are no such images.
            ValueError: If there is no such task, its questions lack the answers that its metric needs, or scales go the
                wrong way.
        """
        if CAPTIONING in self.tasks:
            raise ValueError("captions are measured in two directions at once; compare rankers on other tasks")
        if self.data and not any(map(is_image_task, self.tasks)):
            raise ValueError(f"{', '.join(self.tasks)} asks about no images; leave --data out")
        return tuple(self.prepared(find_task(self.study(task))) for task in self.tasks)

    def prepared(self, task: Task) -> Task:
        """A task with all its questions either ranking heads or held out, checked.

        Raises:
            ValueError: If questions lack the answers that its metric needs, or scales go the wrong way.
        """
        check_metric(task)
        check_side(self.all_scales, task.direction, f"--scales is {self.scales} for {task.name}")
        return task.split_for(sweep=False)


def command(config: RankersConfig, folder: Path) -> str:
    """The command that compares again; score, rule and centring are each ranker's own."""
    own = ("score", "rule", "centre")
    return command_line("rankers", config, folder, arguments=["tasks", "model"], unsaid=own)
