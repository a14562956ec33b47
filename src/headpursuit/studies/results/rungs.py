"""Answers to further questions of a study, and the rungs of its ladder of specificity."""

from dataclasses import dataclass

from headpursuit.heads import Edit
from headpursuit.studies.results.figures import ArmKind, Baseline, Estimate, GroupSummary


@dataclass(frozen=True)
class Asked:
    """Answers to further questions under what one of a study's arms did; damage is measured with the arm."""

    name: str
    """The arm's."""
    kind: ArmKind
    edit: Edit
    prompts_sha256: str
    answers: tuple[str, ...]
    """In the order of the questions."""
    baseline: Baseline | None = None
    """Done in place of an edit."""


@dataclass(frozen=True)
class RungArm:
    """One arm on one rung."""

    name: str
    kind: ArmKind
    answers: GroupSummary
    left: Estimate | None
    """Score over that of the unedited model, whose score is taken as given; silent answers count as in effects. None
    for the unedited model, and where that scores nothing."""


@dataclass(frozen=True)
class RungResult:
    """The questions of one rung under several arms."""

    name: str
    is_sibling: bool
    """Another concept is asked for, which should stay; else the concept itself in another way."""
    arms: tuple[RungArm, ...]
    """The unedited model first, then the edit."""

    def of(self, kind: ArmKind) -> tuple[RungArm, ...]:
        """The arms of a kind."""
        return tuple(arm for arm in self.arms if arm.kind == kind)
