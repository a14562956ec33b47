"""A study's results: what is kept on disk, and read back without a model."""

from headpursuit.studies.results.arms import Arm, ArmKind, Damage
from headpursuit.studies.results.config import StudyConfig
from headpursuit.studies.results.figures import ArmSummary, Confusion, Estimate, GroupSummary
from headpursuit.studies.results.sheet import DoseCell, DoseSheet, DoseWord, size_of
from headpursuit.studies.results.study_result import Example, HeadNote, Outcome, StudyResult, Verdict

__all__ = [
    "Arm",
    "ArmKind",
    "ArmSummary",
    "Confusion",
    "Damage",
    "DoseCell",
    "DoseSheet",
    "DoseWord",
    "Estimate",
    "Example",
    "GroupSummary",
    "HeadNote",
    "Outcome",
    "StudyConfig",
    "StudyResult",
    "Verdict",
    "size_of",
]
