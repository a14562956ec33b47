"""A study's results: what is kept on disk, and read back without a model."""

from headpursuit.studies.config import StudyConfig
from headpursuit.studies.results.figures import (
    Arm,
    ArmKind,
    ArmSummary,
    Baseline,
    CaptionArm,
    Confusion,
    Damage,
    Estimate,
    Figures,
    FreeText,
    GroupSummary,
    Phrasing,
    ScorerAgreement,
    SubjectScore,
)
from headpursuit.studies.results.firmness import Firmness, Steadiness
from headpursuit.studies.results.grown import Balance, Finalist, Grown, Tried
from headpursuit.studies.results.long_answers import LongAnswers, LongArm
from headpursuit.studies.results.restated import Restatement
from headpursuit.studies.results.rungs import Asked, RungArm, RungResult
from headpursuit.studies.results.sheet import AnswerSheet, CaptionSheet, DoseCell, DoseSheet, DoseWord, size_of
from headpursuit.studies.results.study_result import Example, HeadNote, StudyResult
from headpursuit.studies.results.verdict import Beside, Compared, Outcome, Verdict, Why, Word

__all__ = [
    "AnswerSheet",
    "Arm",
    "ArmKind",
    "ArmSummary",
    "Asked",
    "Balance",
    "Baseline",
    "Beside",
    "CaptionArm",
    "CaptionSheet",
    "Compared",
    "Confusion",
    "Damage",
    "DoseCell",
    "DoseSheet",
    "DoseWord",
    "Estimate",
    "Example",
    "Figures",
    "Finalist",
    "Firmness",
    "FreeText",
    "GroupSummary",
    "Grown",
    "HeadNote",
    "LongAnswers",
    "LongArm",
    "Outcome",
    "Phrasing",
    "Restatement",
    "RungArm",
    "RungResult",
    "Steadiness",
    "ScorerAgreement",
    "StudyConfig",
    "StudyResult",
    "SubjectScore",
    "Tried",
    "Verdict",
    "Why",
    "Word",
    "size_of",
]
