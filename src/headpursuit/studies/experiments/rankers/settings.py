"""The settings of a comparison of rankers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from headpursuit.given import listed
from headpursuit.heads import count_of, parse_scope
from headpursuit.settings import Flag, RankConfig, RunSettings, written
from headpursuit.studies.kernel import command_line

if TYPE_CHECKING:
    from headpursuit.analysis.rankers import Ranker
    from headpursuit.studies.config import StudyConfig
    from headpursuit.studies.tasks import Task


@dataclass(frozen=True)
class RankersConfig(RunSettings):
    """Everything that decides the outcome; saved as `config.json`."""

    tasks: Annotated[tuple[str, ...], Flag("TASKS")]
    """The task to measure, or several with commas: countries-qa. Each has its own concept, questions and ranking
    prompts."""
    model: Annotated[str, Flag("MODEL")]
    """smollm2-135m, smollava-135m (sees), a hub id, a local folder (also of an adapter), or a GGUF file."""
    rankers: Annotated[tuple[str, ...], Flag(usual="all")] = ()
    """Rankers with commas; the default one, which the others are compared with, is always among them."""
    heads: tuple[str, ...] = ("1", "2", "4")
    """Numbers of each ranker's best heads that are edited, or percentages of all."""
    scales: Annotated[tuple[float, ...], Flag(also="--scale")] = (-1.0,)
    """Factors on what they write; of several the one counts that does most without damage."""
    questions: Annotated[int, Flag(usual="all")] = 0
    """Held-out questions of each group that edits are measured by, at most, for a quick look; 0: all."""
    generate: Annotated[bool, Flag(usual="where no right answers are known")] = False
    """Measure edits by what the model answers, instead of how likely the right answers are, which is much faster."""
    oracle: bool = True
    """Rescale every head by itself too, and grow the best edit from that: a ceiling for all rankers."""
    oracle_questions: Annotated[int, Flag(least=8)] = 80
    """Questions of each group that choose the oracle's edits, at most; none of them is held out."""
    shortlists: Annotated[tuple[str, ...], Flag(usual="none")] = ()
    """Rankers with commas; of each, an edit is grown among the best tenth of its heads too."""
    draws: Annotated[int, Flag(least=1)] = 5
    """Random orders of the heads."""
    scope: str = "all"
    """The tokens that edits act on: all, prompt, generated, image, text, or positions like 0,-1."""
    ranking: RankConfig = field(default_factory=RankConfig)
    samples: Annotated[int, Flag(least=1)] = 1000
    """Captured positions that are kept one by one."""
    data: str = ""
    """Images of image tasks: digits, scenes, mnist, hf:NAME, a folder."""
    date: Annotated[str, Flag(usual="the day on which it is begun")] = ""
    """Now, to a chat template that writes date or time, like 2026-07-14."""

    def __post_init__(self) -> None:
        named = listed(self.tasks, "task", str, "a task to compare rankers on, like countries-qa, or several")
        object.__setattr__(self, "tasks", named)
        super().__post_init__()
        if len(set(self.tasks)) != len(self.tasks):
            raise ValueError(f"a task is named twice in {', '.join(self.tasks)}")
        if self.questions < 0:
            raise ValueError(f"questions is {self.questions}; give a number, or 0 for all")
        parse_scope(self.scope)
        self.counts(10**9)
        if not self.scales or not all(math.isfinite(scale) and scale != 1 for scale in self.scales):
            raise ValueError(f"scales are finite numbers other than 1, but `scales` is {written(self.scales)!r}")
        _ = self.all_rankers
        strange = [name for name in self.shortlists if name not in {each.name for each in self.all_rankers}]
        if strange:
            raise ValueError(f"{strange[0]} is to shortlist heads, and is not among the rankers; name it there too")
        if self.shortlists and not self.oracle:
            raise ValueError(
                "edits among a shortlist are compared with the oracle's; leave out `shortlists`, or ask for `oracle`"
            )

    @classmethod
    def upgraded(cls, content: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of older files, which knew answers alone and no oracle."""
        return super().upgraded({"generate": True, "oracle": False, **content})

    def counts(self, n_heads: int) -> tuple[int, ...]:
        """Numbers of heads, few first.

        Raises:
            ValueError: If there are none, or more than the model has.
        """
        if not self.heads:
            raise ValueError("there is no number of heads to edit; give some, like 1,2,4")
        return tuple(sorted({count_of(part, n_heads) for part in self.heads}))

    @property
    def all_rankers(self) -> "tuple[Ranker, ...]":
        """The rankers, the default first.

        Raises:
            ValueError: If one is unknown.
        """
        from headpursuit.analysis.rankers import DEFAULT, find_ranker, ranker_names

        return tuple(find_ranker(name) for name in dict.fromkeys([DEFAULT, *(self.rankers or ranker_names())]))

    def study(self, task: str) -> "StudyConfig":
        """The settings by which a task's questions are put and its ranking prompts captured: as in a study of it."""
        from headpursuit.studies.settings import study_within
        from headpursuit.studies.tasks import is_image_task

        of_images = {"data": self.data} if self.data and is_image_task(task) else {}
        return study_within(self, task, **of_images)

    def find_tasks(self) -> "tuple[Task, ...]":
        """The tasks; nothing is known of a model yet.

        Raises:
            FileNotFoundError: If there are no such images.
            ValueError: If there is no such task, its questions lack the answers that its metric needs, or scales go the
                wrong way.
        """
        from headpursuit.studies.settings import find_task
        from headpursuit.studies.tasks import CAPTIONING, is_image_task

        if CAPTIONING in self.tasks:
            raise ValueError("captions are measured in two directions at once; compare rankers on other tasks")
        if self.data and not any(map(is_image_task, self.tasks)):
            raise ValueError(f"{', '.join(self.tasks)} asks about no images; leave `data` out")
        return tuple(self.prepared(find_task(self.study(task), grow=self.oracle)) for task in self.tasks)

    def prepared(self, task: "Task") -> "Task":
        """A task with all its questions either ranking heads or held out, checked; for an oracle as a study by effect.

        Raises:
            ValueError: If questions lack the answers that its metric needs, or scales go the wrong way.
        """
        from headpursuit.studies.settings import check_side
        from headpursuit.studies.text.scoring import check_metric

        check_metric(task)
        check_side(self.scales, task.direction, f"`scales` is {written(self.scales)} for {task.name}")
        return task.split_for(sweep=False) if not self.oracle else _for_oracle(task)


def _for_oracle(task: "Task") -> "Task":
    try:
        return task.split_for(sweep=True, grow=True)
    except ValueError:  # too few facts; it is said where the oracle is left out
        return task.split_for(sweep=False)


def command(config: RankersConfig, folder: Path) -> str:
    """The command that compares again; score, rule and centring are each ranker's own."""
    own = ("score", "rule", "centre")
    return command_line("rankers", config, folder, unsaid=own)
