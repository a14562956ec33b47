"""The settings of a stability card."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from headpursuit.heads import count_of
from headpursuit.settings import Flag, RankConfig, RunSettings
from headpursuit.studies.config import StudyConfig
from headpursuit.studies.kernel import command_line


@dataclass(frozen=True)
class StabilityConfig(RunSettings):
    """Everything that decides the outcome; saved as `config.json`."""

    task: Annotated[str, Flag("TASK")]
    """The task whose heads are ranked: one that comes with the package, or a file (.yaml)."""
    model: Annotated[str, Flag("MODEL")]
    """As for `doctor`."""
    heads: str = "1%"
    """Number of best heads that are compared, or a percentage of all."""
    ranking: RankConfig = field(default_factory=RankConfig)
    bootstraps: Annotated[int, Flag(least=2)] = 40
    """Resamples of the prompts, fact by fact."""
    seeds: Annotated[int, Flag(least=2)] = 10
    """Other seeds of the random dictionaries."""
    null_lists: Annotated[int, Flag(least=1)] = 5
    """Lists of as many random tokens, which are ranked beside the concept."""
    stable: float = 0.8
    """The Jaccard index above which a set of heads counts as the same."""
    data: str = ""
    """The task's rows or images, as for `study`."""
    date: Annotated[str, Flag(usual="the day on which it is begun")] = ""
    """Now, to a chat template that writes date or time, like 2026-07-14."""

    def __post_init__(self) -> None:
        super().__post_init__()
        count_of(self.heads, 10**9)
        if not 0 < self.stable < 1:
            raise ValueError(f"`stable` is {self.stable:g}; it is a Jaccard index between 0 and 1")

    @property
    def study(self) -> StudyConfig:
        """The study whose ranking is asked about, with the task's own settings."""
        from headpursuit.studies.settings import study_within
        from headpursuit.studies.tasks import CAPTIONING

        if self.task == CAPTIONING:
            raise ValueError("captioning has a concept of your choice; rank heads for it on a task with answers")
        return study_within(self, self.task, data=self.data)


def command(config: StabilityConfig, folder: Path) -> str:
    """The command that runs it again."""
    return command_line("stability", config, folder)
