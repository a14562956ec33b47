"""A finished run of lm-evaluation-harness, as it is read back from disk."""

from collections.abc import Mapping
from dataclasses import dataclass

from headpursuit.studies.experiments.lm_eval.changes import Change
from headpursuit.studies.experiments.lm_eval.settings import HarnessConfig
from headpursuit.studies.kernel import Loadable, ResultKind


@dataclass(frozen=True)
class HarnessArm:
    """The model as it is, edited, or with random heads rescaled instead."""

    name: str
    scales: Mapping[str, float]
    """By head; empty for the base."""
    n_forwards: int
    """Forward passes that were edited."""


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


@dataclass(frozen=True)
class HarnessResult(Loadable):
    """The figures of some tasks, in every arm."""

    config: HarnessConfig
    concept: str
    """The concept that the heads were ranked for, if that is known."""
    model_summary: str
    """Heads of the model in words."""
    command: str
    """The command that runs it again."""
    arms: tuple[HarnessArm, ...]
    """Base, edit, controls."""
    rows: tuple[HarnessRow, ...]
    sentence: str
    """The finding, in words."""
    warnings: tuple[str, ...]
    """Warnings of lm-eval."""
    versions: Mapping[str, str]
    """Packages, device and dtype it ran with."""

    def __post_init__(self) -> None:
        if len(self.arms) < 2:
            raise ValueError("arms: a base and an edit are needed")


KIND = ResultKind("lm-eval run", HarnessConfig, HarnessResult)
"""A run of lm-evaluation-harness on disk."""
