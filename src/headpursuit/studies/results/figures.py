"""The figures of an arm."""

from dataclasses import dataclass

from headpursuit.studies.results.arms import ArmKind, Damage


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval (bootstrap over facts)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True)
class GroupSummary:
    """How one arm answered one group of questions; all but `score` are fractions of the questions, 0 to 1."""

    n_questions: int
    score: Estimate
    """What counts, by the task's metric: for most tasks the fraction of the answers that are right."""
    exact: Estimate | None
    """The answer is an accepted answer, after SQuAD normalisation; None where questions have no answers."""
    f1: Estimate | None
    """SQuAD token F1 with the closest accepted answer; None where questions have no answers."""
    concept_rate: Estimate
    """A word of the concept occurs in the output, right or wrong."""
    empty: float
    """Answers without any word; never booked as suppression."""
    repetition: float
    """Mean fraction of an answer's word pairs that occurred in it before."""
    score_change: Estimate | None
    """Score minus that of the base, paired by question; None for the base itself. Target answers that fell silent count
    as unchanged where the score is to fall."""
    silenced: float = 0.0
    """The part of the target score that silence alone took: the base's mean score on the questions that this
    arm left without a word, over all questions. It counts as kept; 0 where the score is to rise, and in results of
    older versions."""


@dataclass(frozen=True)
class Confusion:
    """What one arm called the images of each class."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    """Images: a row for each class they belong to, a column for each class that was named first, and a last column for
    answers that name none."""


@dataclass(frozen=True)
class ArmSummary:
    """An arm with its figures."""

    name: str
    kind: ArmKind
    heads: tuple[str, ...]
    scale: float | None
    target: GroupSummary
    """On the questions whose answer belongs to the concept."""
    unrelated: GroupSummary | None
    """On questions about other things; None where the task has none."""
    damage: Damage
    n_forwards: int
    confusion: Confusion | None = None
    """In a classification: which classes were named."""
