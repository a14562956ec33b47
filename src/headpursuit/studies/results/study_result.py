"""A finished study, as it is read back from disk."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from headpursuit.analysis import Ranking
from headpursuit.storage import MANIFEST, read_json, read_manifest, understood
from headpursuit.studies.results.arms import ArmKind
from headpursuit.studies.results.config import StudyConfig
from headpursuit.studies.results.figures import ArmSummary
from headpursuit.studies.results.sheet import DoseSheet
from headpursuit.studies.tasks.task import Direction, MetricName

KIND = "study"
"""What its manifest calls it."""

Outcome = Literal["specific", "not specific", "over-intervened", "incoherent", "no effect", "undecidable"]
"""What a verdict can be; `judge` says when it is which."""


@dataclass(frozen=True)
class Verdict:
    """What a study says, in plain words."""

    outcome: Outcome
    sentence: str
    """The outcome in one sentence."""
    reasons: tuple[str, ...]
    """The measurements behind it, one sentence each."""
    p_matched: float | None
    """Permutation p-value over questions against random heads of the same layers; None if it was not computed. It takes
    the draws as given: how far other draws would fall, only more draws can say."""
    p_random: float | None
    """The same against random heads of any layer."""


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
    """The image that is asked about; empty where there is none."""
    thumbnail: str = ""
    """That image, small: a file in the study's folder."""
    scores: dict[str, float] = field(default_factory=dict)
    """What each answer counts, by arm name."""


@dataclass(frozen=True)
class HeadNote:
    """The tokens that explain one head best, over the whole vocabulary."""

    head: str
    tokens: tuple[str, ...]
    explained: tuple[float, ...]


def finished_parts(path: Path | str, kind: str) -> tuple[dict[str, Any], Ranking]:
    """What a finished study of a kind says, and its ranking, with every checksum verified.

    Raises:
        FileNotFoundError: If there is no study at `path`.
        ValueError: If it is unfinished, damaged or something else.
    """
    folder = Path(path)
    if (folder / "config.json").is_file() and not (folder / MANIFEST).is_file():
        raise ValueError(f"the study in {folder} is unfinished; continue it with --resume")
    read_manifest(folder, kind)
    with understood(folder, kind):
        return read_json(folder / "study.json"), Ranking.load(folder / "ranking.json")


@dataclass(frozen=True)
class StudyResult:
    """A finished study."""

    config: StudyConfig
    concept: str
    model_summary: str
    """Heads of the model in words."""
    certificate: str
    command: str
    """How to run the study again."""
    ranking: Ranking
    notes: tuple[HeadNote, ...]
    """One per head, best tokens first."""
    arms: tuple[ArmSummary, ...]
    """Base first, then the edit, then the controls."""
    examples: tuple[Example, ...]
    """Every held-out question."""
    verdict: Verdict
    versions: dict[str, str]
    """Packages, device and dtype it ran with."""
    flags: dict[str, str] = field(default_factory=dict)
    """What limits statements about what the model's heads write, by flag, and what that means."""
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """In a classification: the words that name each class."""
    sheet: DoseSheet | None = None
    """The dose sheet; None where number and scale of the heads were given."""
    remarks: tuple[str, ...] = ()
    """What could not be measured, one sentence each."""
    metric: MetricName = "contains"
    """What counts in the target outputs."""
    direction: Direction = "suppress"

    @property
    def heads(self) -> int | str:
        """How many heads are edited, as the sheet or the config says."""
        return self.sheet.n_heads if self.sheet else self.config.heads

    @property
    def scale(self) -> float:
        """What they are multiplied by."""
        return self.sheet.scale if self.sheet else self.config.scale

    @property
    def edit(self) -> ArmSummary:
        """The arm that is judged."""
        return self.arms_of("edit")[0]

    def arms_of(self, kind: ArmKind) -> tuple[ArmSummary, ...]:
        """The arms of one kind."""
        return tuple(arm for arm in self.arms if arm.kind == kind)

    def to_json(self) -> dict[str, Any]:
        """Everything but the ranking, which has its own file."""
        content = asdict(self)
        del content["ranking"]
        return content

    @classmethod
    def load(cls, path: Path | str) -> "StudyResult":
        """Read a finished study, with every checksum verified.

        Raises:
            FileNotFoundError: If there is no study at `path`.
            ValueError: If it is unfinished, damaged or something else.
        """
        content, ranking = finished_parts(path, KIND)
        with understood(Path(path), KIND):
            return cls._from_json(content, ranking)

    @classmethod
    def _from_json(cls, content: dict[str, Any], ranking: Ranking) -> "StudyResult":
        return cls(
            **{
                **content,
                "config": StudyConfig.from_json(content["config"]),
                "ranking": ranking,
                "notes": tuple(
                    HeadNote(n["head"], tuple(n["tokens"]), tuple(n["explained"])) for n in content["notes"]
                ),
                "arms": tuple(ArmSummary.from_json(arm) for arm in content["arms"]),
                "examples": tuple(Example(**{**e, "accepted": tuple(e["accepted"])}) for e in content["examples"]),
                "verdict": Verdict(**{**content["verdict"], "reasons": tuple(content["verdict"]["reasons"])}),
                "classes": {label: tuple(words) for label, words in content.get("classes", {}).items()},
                "sheet": DoseSheet.from_json(content["sheet"]) if content.get("sheet") else None,
                "remarks": tuple(content.get("remarks", ())),
            }
        )
