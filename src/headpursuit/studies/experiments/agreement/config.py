"""The settings of an agreement: two rankings, and how many of their best heads are compared."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from headpursuit.heads import count_of
from headpursuit.settings import Flag, Settings
from headpursuit.studies.kernel import command_line


@dataclass(frozen=True)
class AgreementConfig(Settings):
    """Everything that decides the outcome, beside the rankings; saved as `config.json`."""

    one: Annotated[str, Flag("RANKING")]
    """ranking.json, or the folder written by `rank`."""
    other: Annotated[str, Flag("RANKING")]
    """Another one of the same heads."""
    tops: tuple[str, ...] = ("1%", "2%", "5%", "10%")
    """Numbers or percentages of best heads."""
    seed: int = 0
    """Seed of everything random."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.counts(10**9)

    def counts(self, n_heads: int) -> tuple[int, ...]:
        """The numbers of best heads, few first.

        Raises:
            ValueError: If there are none, or more than there are heads.
        """
        if not self.tops:
            raise ValueError("there is no number of best heads to compare; give some, like 1%,5%")
        return tuple(sorted({count_of(part, n_heads) for part in self.tops}))


def command(config: AgreementConfig, folder: Path) -> str:
    """The command that runs it again."""
    return command_line("agreement", config, folder)
