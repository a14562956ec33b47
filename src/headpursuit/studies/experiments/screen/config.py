"""The settings of a screen: the task, and the heads and scales that are tried on it."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from headpursuit.heads import parse_scope
from headpursuit.settings import Flag, RankConfig, RunSettings
from headpursuit.studies.config import StudyConfig
from headpursuit.studies.kernel import command_line


@dataclass(frozen=True)
class ScreenConfig(RunSettings):
    """Everything that decides a screen's outcome; saved as `config.json`."""

    task: Annotated[str, Flag("TASK")]
    """The task to measure: one that comes with the package, or a file (.yaml)."""
    model: Annotated[str, Flag("MODEL")]
    """As for `doctor`."""
    scales: tuple[float, ...] = (-1.0, 0.0)
    """Factors on what each head writes: below 1, or above 1 for tasks that enhance."""
    among: Annotated[int, Flag(least=0)] = 0
    """Screen only so many heads, the best by the ranker; 0 for all."""
    ranker: Annotated[str, Flag(usual="the score")] = ""
    """The score that shortlists heads: gradient-answer, direct-attribution, ... (docs/rankers.md)."""
    scope: str = "all"
    """The tokens that edits act on: all, prompt, generated, image, text, or positions like 0,-1."""
    questions: Annotated[int, Flag(least=1)] = 80
    """Questions of each group that are asked, at most."""
    data: str = ""
    """The task's rows or images, as for `study`."""
    ranking: RankConfig = field(default_factory=RankConfig)
    date: Annotated[str, Flag(usual="the day on which it is begun")] = ""
    """Now, to a chat template that writes date or time, like 2026-07-14."""

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_scope(self.scope)
        if not self.scales or 1.0 in self.scales or not all(map(math.isfinite, self.scales)):
            raise ValueError("a screen needs finite scales other than 1, which changes nothing; give some, like -1,0")
        if self.task == "captioning":
            raise ValueError("a screen follows answers, and captions have none; choose a task with answers")

    @property
    def study(self) -> StudyConfig:
        """The study whose heads are screened, with the task's own settings."""
        from headpursuit.studies.settings import study_within

        return study_within(self, self.task, ranker=self.ranker, data=self.data)


def command(config: ScreenConfig, folder: Path) -> str:
    """The command that runs it again."""
    return command_line("screen", config, folder)
