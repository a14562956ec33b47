"""A finished run of lm-evaluation-harness, as it is read back from disk."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headpursuit.storage import read_json, read_manifest, understood
from headpursuit.studies.harness.changes import Change
from headpursuit.studies.harness.settings import HarnessConfig

KIND = "lm-eval run"
"""What its manifest calls it."""


@dataclass(frozen=True)
class HarnessArm:
    """The model as it is, edited, or with random heads rescaled instead."""

    name: str
    scales: Mapping[str, float]
    """By head; empty for the base."""
    n_forwards: int
    """How many forward passes were edited."""


@dataclass(frozen=True)
class HarnessRow:
    """One metric of one task, in every arm."""

    task: str
    metric: str
    """With its filter, where it has one."""
    higher_is_better: bool | None
    """None where lm-eval does not say."""
    n_items: int
    base: float
    base_stderr: float | None
    """lm-eval's standard error; None where it gives none."""
    edit: float
    edit_stderr: float | None
    change: Change
    """From base to edit."""
    controls: tuple[float, ...]
    """The change under each draw of random heads."""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "HarnessRow":
        """The reverse of `asdict`."""
        made = {"change": Change(**content["change"]), "controls": tuple(content["controls"])}
        return cls(**{**content, **made})


@dataclass(frozen=True)
class HarnessResult:
    """What an edit does on some tasks."""

    config: HarnessConfig
    concept: str
    """What the heads were ranked for, if that is known."""
    model_summary: str
    """Heads of the model in words."""
    command: str
    """How to run it again."""
    arms: tuple[HarnessArm, ...]
    """Base, edit, controls."""
    rows: tuple[HarnessRow, ...]
    sentence: str
    """What was found."""
    warnings: tuple[str, ...]
    """What lm-eval warned of."""
    versions: Mapping[str, str]
    """Packages, device and dtype it ran with."""

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    @classmethod
    def load(cls, path: Path | str) -> "HarnessResult":
        """Read a finished run, with every checksum verified.

        Raises:
            FileNotFoundError: If there is none at `path`.
            ValueError: If it is unfinished, damaged or something else.
        """
        read_manifest(Path(path), KIND)
        content = read_json(Path(path) / "result.json")
        with understood(Path(path), KIND):
            return cls(
                **{
                    **content,
                    "config": HarnessConfig.from_json(content["config"]),
                    "arms": tuple(HarnessArm(**arm) for arm in content["arms"]),
                    "rows": tuple(HarnessRow.from_json(row) for row in content["rows"]),
                    "warnings": tuple(content["warnings"]),
                }
            )
