"""The settings of a sensitivity study."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from headpursuit.analysis import RankConfig, count_of
from headpursuit.models import ChatSettings
from headpursuit.studies.kernel import command_line


@dataclass(frozen=True)
class SensitivityConfig(ChatSettings):
    """Everything that decides the outcome, beside the capture; saved as `config.json`."""

    concept: str
    """A built-in name or a file."""
    capture: str
    """The folder of the capture."""
    model: str
    revision: str | None = None
    ranking: RankConfig = field(default_factory=RankConfig)
    heads: str = "1%"
    """How many heads the recommended edit takes: a number, or a percentage of all."""
    fractions: str = "10,25,50,75,90"
    """Percentages of the words that are kept."""
    additions: str = "10,25,50"
    """Off-concept words that are added, as percentages of the list's words."""
    repeats: int = 10
    """Draws of everything that is drawn."""
    stable: float = 0.8
    """The mean overlap of the edit's heads that counts as agreement."""
    suggestions: int = 20
    """Words to suggest."""
    synonyms: str = ""
    """A file of synonyms; see `read_synonyms`."""
    task: str = ""
    """A task whose questions the edits are measured on; none if empty."""
    scale: float = -1.0
    """What the heads are multiplied by there."""
    questions: int = 60
    """Held-out questions of each group that every edit answers, at most."""
    max_new_tokens: int = 12
    batch_size: int = 64
    seed: int = 0
    """Seed of everything drawn; that of the random dictionaries is the ranking's."""
    device: str = "auto"
    dtype: str = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        count_of(self.heads, 10**9)
        for name in ("repeats", "questions", "max_new_tokens", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.suggestions < 0:
            raise ValueError(f"suggestions is {self.suggestions}; it must be at least 0")
        if not 0 < self.stable <= 1:
            raise ValueError(f"stable is {self.stable:g}; it is an overlap above 0 and at most 1")
        if self.scale == 1 or not math.isfinite(self.scale):
            raise ValueError(f"the scale is {self.scale:g}; give a finite number other than 1, which changes nothing")
        if not self.kept_fractions:
            raise ValueError("there are no fractions; give percentages of the words, like 10,25,50,75,90")
        if not all(0 < fraction < 1 for fraction in self.kept_fractions):
            raise ValueError(f"fractions are percentages between 0 and 100, but {self.fractions!r} was given")
        if not all(0 < level <= 1 for level in self.added_fractions):
            raise ValueError(f"additions are percentages above 0, at most 100, but {self.additions!r} was given")

    @property
    def kept_fractions(self) -> tuple[float, ...]:
        """`fractions` between 0 and 1, small ones first."""
        return _shares(self.fractions)

    @property
    def added_fractions(self) -> tuple[float, ...]:
        """`additions` as shares, small ones first."""
        return _shares(self.additions)


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(sorted({float(part) / 100 for part in text.split(",") if part.strip()}))
    except ValueError:
        raise ValueError(f"cannot read {text!r} as percentages; write numbers with commas, like 10,25,50") from None


def command(config: SensitivityConfig, folder: Path) -> str:
    """The command that runs it again."""
    return command_line("sensitivity", config, folder, arguments=["capture"])
