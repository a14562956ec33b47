"""A finished study of captions, as it is read back from disk."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from headpursuit.analysis import Ranking
from headpursuit.storage import understood
from headpursuit.studies.captioning.figures import CaptionArm
from headpursuit.studies.captioning.sheets import CaptionSheet
from headpursuit.studies.results import ArmKind, HeadNote, StudyConfig, Verdict
from headpursuit.studies.results.study_result import finished_parts
from headpursuit.studies.tasks import Direction

KIND = "captioning study"
"""What its manifest calls it."""


@dataclass(frozen=True)
class CaptionExample:
    """One held-out image and what every arm wrote about it."""

    image_name: str
    thumbnail: str
    """The image, small: a file in the study's folder."""
    references: tuple[str, ...]
    captions: dict[str, str]
    """By arm name."""


@dataclass(frozen=True)
class CaptioningResult:
    """A finished study of captions: a concept switched down, and up."""

    config: StudyConfig
    concept: str
    words: tuple[str, ...]
    """The concept's."""
    request: str
    """What the model was asked about each image."""
    model_summary: str
    """Heads of the model in words."""
    certificate: str
    command: str
    """How to run the study again."""
    ranking: Ranking
    notes: tuple[HeadNote, ...]
    """One per head, best tokens first."""
    sheets: dict[Direction, CaptionSheet]
    """What the doses were chosen by."""
    arms: tuple[CaptionArm, ...]
    """Base first, then all of one direction, then all of the other."""
    verdicts: dict[Direction, Verdict]
    examples: tuple[CaptionExample, ...]
    """Every held-out image."""
    versions: dict[str, str]
    """Packages, device and dtype it ran with."""
    flags: dict[str, str] = field(default_factory=dict)
    """What limits statements about what the model's heads write, by flag, and what that means."""
    remarks: tuple[str, ...] = ()
    """What could not be measured, one sentence each."""

    @property
    def base(self) -> CaptionArm:
        """The unedited model."""
        return self.arms[0]

    def edit(self, direction: Direction) -> CaptionArm:
        """The arm that is judged."""
        return self.arms_of(direction, "edit")[0]

    def arms_of(self, direction: Direction, kind: ArmKind | None = None) -> tuple[CaptionArm, ...]:
        """The arms of a direction, all or of one kind."""
        own = (arm for arm in self.arms if arm.direction == direction)
        return tuple(arm for arm in own if kind is None or arm.kind == kind)

    def to_json(self) -> dict[str, Any]:
        """Everything but the ranking, which has its own file."""
        content = asdict(self)
        del content["ranking"]
        return content

    @classmethod
    def load(cls, path: Path | str) -> "CaptioningResult":
        """Read a finished study, with every checksum verified.

        Raises:
            FileNotFoundError: If there is no study at `path`.
            ValueError: If it is unfinished, damaged or something else.
        """
        content, ranking = finished_parts(path, KIND)
        with understood(Path(path), KIND):
            return cls._from_json(content, ranking)

    @classmethod
    def _from_json(cls, content: dict[str, Any], ranking: Ranking) -> "CaptioningResult":
        return cls(
            **{
                **content,
                "config": StudyConfig.from_json(content["config"]),
                "words": tuple(content["words"]),
                "ranking": ranking,
                "notes": tuple(
                    HeadNote(n["head"], tuple(n["tokens"]), tuple(n["explained"])) for n in content["notes"]
                ),
                "sheets": {name: CaptionSheet.from_json(sheet) for name, sheet in content["sheets"].items()},
                "arms": tuple(CaptionArm.from_json(arm) for arm in content["arms"]),
                "verdicts": {
                    name: Verdict(**{**verdict, "reasons": tuple(verdict["reasons"])})
                    for name, verdict in content["verdicts"].items()
                },
                "examples": tuple(
                    CaptionExample(**{**e, "references": tuple(e["references"])}) for e in content["examples"]
                ),
                "remarks": tuple(content["remarks"]),
            }
        )
