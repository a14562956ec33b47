"""A finished study, as it is read back from disk."""

from dataclasses import dataclass, field
from pathlib import Path

from headpursuit.analysis import Ranking
from headpursuit.heads import Edit, parse_scope
from headpursuit.studies.config import StudyConfig
from headpursuit.studies.kernel import Loadable, ResultKind
from headpursuit.studies.results.figures import ArmKind, ArmSummary, ScorerAgreement
from headpursuit.studies.results.firmness import Steadiness
from headpursuit.studies.results.grown import Balance, Grown
from headpursuit.studies.results.long_answers import LongAnswers
from headpursuit.studies.results.restated import Restatement
from headpursuit.studies.results.rungs import RungResult
from headpursuit.studies.results.sheet import AnswerSheet
from headpursuit.studies.results.verdict import Verdict
from headpursuit.studies.tasks.task import Direction


@dataclass(frozen=True)
class Example:
    """One held-out question and what every arm answered."""

    prompt: str
    accepted: tuple[str, ...]
    group: str
    subject: str
    answers: dict[str, str]
    """By arm name."""
    label: str = ""
    """In a classification: the class that a right answer names first."""
    image_name: str = ""
    """The image or recording that is asked about; empty where there is none."""
    thumbnail: str = ""
    """That image, small, or that recording, compressed: a file in the study's folder."""
    scores: dict[str, float] = field(default_factory=dict)
    """The score of each answer, by arm name."""


@dataclass(frozen=True)
class HeadNote:
    """The tokens that explain one head best, over the whole vocabulary."""

    head: str
    tokens: tuple[str, ...]
    explained: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class RankedStudy(Loadable):
    """A finished study of answers or of captions: its model, its ranking, and how they were found."""

    config: StudyConfig
    concept: str
    model_summary: str
    """Heads of the model in words."""
    certificate: str
    command: str
    """The command that runs the study again."""
    ranking: Ranking
    notes: tuple[HeadNote, ...]
    """One per head, best tokens first."""
    versions: dict[str, str]
    """Packages, device and dtype it ran with."""
    flags: dict[str, str] = field(default_factory=dict)
    """Limits of statements about what the model's heads write, by flag, and their meaning."""
    remarks: tuple[str, ...] = ()
    """Remarks on what could not be measured, one sentence each."""


@dataclass(frozen=True, kw_only=True)
class StudyResult(RankedStudy):
    """A finished study of answers."""

    arms: tuple[ArmSummary, ...]
    """Base first, then the edit, then the controls."""
    examples: tuple[Example, ...]
    """Every held-out question."""
    verdict: Verdict
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """In a classification: the words that name each class."""
    sheet: AnswerSheet | None = None
    """The dose sheet; None where the edit was chosen in another way, or number and scale of the heads were given."""
    grown: Grown | None = None
    """The growth of the edit, where it was chosen by what it does."""
    promised: Balance | None = None
    """The edit on the selection questions that it was chosen on; None where it was given, and in older results."""
    found: Balance | None = None
    """The same on the held-out questions."""
    metric: str = "contains"
    """The metric of the target outputs."""
    direction: Direction = "suppress"
    ladder: tuple[RungResult, ...] = ()
    """The task's rungs, nearest first; none where it has none, and in results of older versions."""

    long: tuple[LongAnswers, ...] = ()
    """Some held-out questions answered at length, greedily and sampled; none where that was not asked for."""
    steadiness: Steadiness | None = None
    """The ranking's best heads beside those of resampled prompts; None where these were not ranked, and in results of
    older versions."""
    restated: tuple[Restatement, ...] = ()
    """Transcripts or translations of every arm compared with what should be written; none of other tasks."""
    agreement: ScorerAgreement | None = None
    """Two scorers on the same outputs; None where none or but one rates them, and in older results."""

    def __post_init__(self) -> None:
        without = [arm.name for arm in self.arms if arm.unrelated is None]
        if 0 < len(without) < len(self.arms):
            raise ValueError(f"arms: {without[0]} has no unrelated questions, and others have")

    @property
    def rescaled(self) -> Edit:
        """The edit that is judged: grown, or so many of the best heads at one scale."""
        if self.grown is not None:
            return self.grown.edit
        heads, scale = (self.sheet.n_heads, self.sheet.scale) if self.sheet else (self.config.heads, self.config.scale)
        return Edit.uniform(self.ranking.top(heads), scale, parse_scope(self.config.scope))

    @property
    def edit(self) -> ArmSummary:
        """The arm that is judged."""
        return self.arms_of("edit")[0]

    def arms_of(self, kind: ArmKind) -> tuple[ArmSummary, ...]:
        """The arms of one kind."""
        return tuple(arm for arm in self.arms if arm.kind == kind)


def ranking_in(folder: Path) -> Ranking:
    """The ranking of a study, which has its own file."""
    return Ranking.load(folder / "ranking.json")


KIND = ResultKind("study", StudyConfig, StudyResult, "study.json", {"ranking": ranking_in})
"""A study of answers on disk."""
