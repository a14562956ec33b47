"""The settings of a sensitivity study."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from headpursuit.heads import count_of
from headpursuit.settings import ChatSettings, Flag, RankConfig, RunSettings, written
from headpursuit.studies.kernel import command_line


@dataclass(frozen=True)
class SensitivityConfig(ChatSettings, RunSettings):
    """Everything that decides the outcome, beside the capture; saved as `config.json`."""

    concept: str
    """A built-in concept (see `concepts list`) or a text file with one word a line."""
    capture: Annotated[str, Flag("CAPTURE")]
    """A folder written by `capture`."""
    model: Annotated[str, Flag(usual="where it was")]
    """The captured model, if it is not where it was."""
    ranking: RankConfig = field(default_factory=RankConfig)
    heads: str = "1%"
    """Number of heads an edit takes, or a percentage of all."""
    fractions: tuple[float, ...] = (10.0, 25.0, 50.0, 75.0, 90.0)
    """Percentages of the words to keep."""
    additions: tuple[float, ...] = (10.0, 25.0, 50.0)
    """Off-concept words to add, in percent of the list."""
    repeats: Annotated[int, Flag(least=1)] = 10
    """Draws of everything that is drawn."""
    stable: float = 0.8
    """The mean overlap of the edit's heads that counts as agreement."""
    suggestions: Annotated[int, Flag(least=0)] = 20
    """Words to suggest; none is added."""
    synonyms: str = ""
    """A file of synonyms, one line per word: word, synonym, synonym."""
    task: str = ""
    """Measure the lists' edits on this task's held-out questions too: countries-qa."""
    scale: float = -1.0
    """The factor on what the heads write, where a task is measured."""
    questions: Annotated[int, Flag(least=1)] = 60
    """Held-out questions of each group that every edit answers, at most."""
    max_new_tokens: Annotated[int, Flag(least=1)] = 12
    """Length of the answers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        count_of(self.heads, 10**9)
        if not 0 < self.stable <= 1:
            raise ValueError(f"stable is {self.stable:g}; it is an overlap above 0 and at most 1")
        if self.scale == 1 or not math.isfinite(self.scale):
            raise ValueError(f"the scale is {self.scale:g}; give a finite number other than 1, which changes nothing")
        if not self.fractions:
            raise ValueError("there are no fractions; give percentages of the words, like 10,25,50,75,90")
        if not all(0 < percent < 100 for percent in self.fractions):
            raise ValueError(f"fractions are percentages between 0 and 100, but {written(self.fractions)} was given")
        if not all(0 < percent <= 100 for percent in self.additions):
            raise ValueError(f"additions are percentages above 0, at most 100, but {written(self.additions)} was given")

    @property
    def kept_fractions(self) -> tuple[float, ...]:
        """`fractions` between 0 and 1, small ones first."""
        return tuple(sorted(percent / 100 for percent in self.fractions))

    @property
    def added_fractions(self) -> tuple[float, ...]:
        """`additions` as shares, small ones first."""
        return tuple(sorted(percent / 100 for percent in self.additions))


def command(config: SensitivityConfig, folder: Path) -> str:
    """The command that runs it again."""
    return command_line("sensitivity", config, folder)
