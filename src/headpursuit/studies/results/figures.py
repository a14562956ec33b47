"""The arms of a study, as they are kept on disk, and their figures: of answers, or of captions."""

from dataclasses import dataclass
from typing import Literal, TypeVar

from headpursuit.heads import Edit
from headpursuit.studies.tasks.task import Direction

ArmKind = Literal[
    "base", "edit", "image", "text", "dose", "matched", "random", "other", "prompt", "direction", "ablated"
]
"""Unedited; the ranked heads; the same at image positions only; at all others; other numbers of ranked heads; random
heads of the same layers; random heads of any layer; heads of another concept. And what is no edit of heads: an
instruction before each question; a direction added to the stream; a direction taken out of it."""


@dataclass(frozen=True)
class Damage:
    """An edit's damage to everything else, on neutral text."""

    perplexity: float
    kl: float
    """Mean divergence KL(base || arm) of the next-token distributions, nats; 0 for the base."""


@dataclass(frozen=True)
class Baseline:
    """Another way to the same end than an edit of heads: an instruction, or a direction in the residual stream."""

    instruction: str = ""
    """Text before each question."""
    chat: bool = False
    """The question is put into the chat template with it, though the study's are not."""
    layer: int | None = None
    """The decoder layer, from zero, at whose output the direction was read, and is added."""
    strength: float = 0.0
    """The factor on the direction; of one that is ablated, which is taken out after every layer, 1."""
    ablate: bool = False

    def __str__(self) -> str:
        if self.instruction:
            return f'"{self.instruction}"{" in the chat template" if self.chat else ""}'
        if self.ablate:
            return f"direction of layer {self.layer} taken out"
        return f"direction of layer {self.layer} × {self.strength:g}"


@dataclass(frozen=True)
class Arm:
    """One condition: an edit (or none), the answers it gave, and the damage it did."""

    name: str
    """Unique, such as `edit` or `matched-2`."""
    kind: ArmKind
    edit: Edit
    answers: tuple[str, ...]
    """To the questions it was asked, in their order."""
    damage: Damage
    n_forwards: int
    """Forward passes the edit touched, counted at the hooks: those of each question by themselves, in older results
    those of batches."""
    baseline: Baseline | None = None
    """Done in place of an edit; None for the unedited model and for edits."""
    losses: tuple[float | None, ...] = ()
    """The mean loss of each answer's tokens under the unedited model, nats, where answers are free text; None for one
    without a token, and for unrelated ones. None at all in results of older versions."""
    reader_losses: tuple[float | None, ...] = ()
    """The same under a second model, where one is named."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval (bootstrap over facts)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True)
class ScorerAgreement:
    """The scorer that judges free text beside another one, on the held-out target outputs of base and edit."""

    judge: str
    judge_version: str
    other: str
    other_version: str
    correlation: float
    """Rank correlation of their scores over all outputs of both arms; 0 where one rates everything alike."""
    before: Estimate
    """Mean score of the unedited model by the other."""
    after: Estimate
    """That of the edit."""
    effect: float
    """The fraction by which it falls or rises; silence is never booked as suppression."""
    change: Estimate
    """The change that it is made of, paired by draw."""


@dataclass(frozen=True)
class Phrasing:
    """The questions that are asked in the same words but for what they are about."""

    text: str
    """Those words."""
    n_questions: int
    score: float
    """Mean score, silent answers as they are counted."""


@dataclass(frozen=True)
class SubjectScore:
    """One arm's answers to the questions of one subject."""

    subject: str
    n_questions: int
    score: float
    """The mean by the metric of the group."""


@dataclass(frozen=True)
class FreeText:
    """One arm's free text, beside what counts in it."""

    length: float
    """Words per output."""
    distinct: float
    """Different word pairs of all outputs, as a fraction of all pairs: distinct-2 of Li et al. (2016)."""
    said_again: float
    """Of the concept's words in all outputs, the fraction that their own output had said before."""
    named: str
    """The word of the concept that is said most often; empty where none is."""
    named_share: float
    """Its share of all of them."""
    perplexity: float | None
    """That of what was written, under the unedited model; None where it was not read."""
    reader_perplexity: float | None = None
    """The same under a second model; None where none is named."""


@dataclass(frozen=True)
class GroupSummary:
    """One arm's answers to one group of questions; all but `score` are fractions of the questions, 0 to 1."""

    n_questions: int
    score: Estimate
    """The mean by the task's metric: for most tasks the fraction of the answers that are right."""
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
    empty_change: Estimate | None = None
    """Empty answers less those of the base; None for the base, and in results of older versions."""
    repetition_change: Estimate | None = None
    """The same of repetition."""
    n_distinct: int = 0
    """Different answers; 0 in results of older versions."""
    commonest: str = ""
    """The answer that is given to most questions."""
    commonest_share: float = 0.0
    """Fraction of the questions that it is given to."""
    phrasings: tuple[Phrasing, ...] = ()
    """Target questions by their phrasing; none where there are not several, and in results of older versions."""
    subjects: tuple[SubjectScore, ...] = ()
    """Subject by subject, where there are several; none in results of older versions."""
    text: FreeText | None = None
    """Of target outputs that are free text; None for others, and in results of older versions."""

    def worst(self, base: "GroupSummary") -> tuple[SubjectScore, SubjectScore] | None:
        """The subject whose score is farthest below the base's, before and after; None where there are no several."""
        pairs = zip(base.subjects, self.subjects, strict=True) if base.subjects and self.subjects else ()
        return min(pairs, key=lambda pair: (pair[1].score - pair[0].score, -pair[0].n_questions), default=None)


@dataclass(frozen=True)
class Confusion:
    """One arm's names for the images of each class."""

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
    baseline: Baseline | None = None
    """Done in place of an edit of heads."""


@dataclass(frozen=True)
class CaptionArm:
    """Figures of one arm's captions; intervals are over images."""

    name: str
    direction: Direction | None
    """None for the base."""
    kind: ArmKind
    heads: tuple[str, ...]
    scale: float | None
    n_images: int
    frequency: Estimate
    """The concept's words per caption."""
    frequency_change: Estimate | None
    """That minus the base's, paired by image; None for the base itself. Captions that fell silent count as unchanged
    where the concept is suppressed."""
    naming: Estimate
    """Fraction of the captions that name any of them."""
    cider: Estimate
    """CIDEr with the references, 0 to 10."""
    cider_without: Estimate
    """The same, with the concept's words taken out of captions and references."""
    others: dict[str, Estimate]
    """Words of other concepts per caption, by the concept's name."""
    length: Estimate
    """Words per caption, articles not counted."""
    repetition: float
    """Mean fraction of a caption's word pairs that occurred in it before."""
    empty: float
    """Fraction of the captions without a word; never booked as suppression."""
    damage: Damage
    n_forwards: int
    silenced: float = 0.0
    """The part of the frequency that silence alone took: the words per caption that the base has for images which
    this arm left without a caption. They count as kept; 0 for enhancement, and in results of older versions."""
    cider_change: Estimate | None = None
    """The CIDEr that its direction is judged by less that of the base, paired by image; None for the base, and in
    results of older versions."""

    def relative_frequency(self, base: "CaptionArm") -> float | None:
        """The concept's frequency, times the base's; None where the base never names it."""
        return _relative(self.frequency, base.frequency)

    def kept_cider(self, base: "CaptionArm", direction: Direction) -> float | None:
        """The CIDEr that a direction is judged by, times the base's; None where the base has none.

        To suppress it is the CIDEr without the concept's words, as a caption that no longer says them should lose some.
        """
        if direction == "suppress":
            return _relative(self.cider_without, base.cider_without)
        return _relative(self.cider, base.cider)


def _relative(after: Estimate, before: Estimate) -> float | None:
    return after.value / before.value if before.value else None


Figures = TypeVar("Figures", ArmSummary, CaptionArm)
"""The figures of an arm, of one kind or the other."""
