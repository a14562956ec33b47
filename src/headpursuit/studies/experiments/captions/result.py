"""A finished study of captions, as it is read back from disk."""

from dataclasses import dataclass
from typing import Any

from headpursuit.records import from_fields, from_record
from headpursuit.studies.kernel import ResultKind
from headpursuit.studies.measures import caption_measure
from headpursuit.studies.results import ArmKind, CaptionArm, CaptionSheet, StudyConfig, Verdict
from headpursuit.studies.results.study_result import RankedStudy, ranking_in
from headpursuit.studies.tasks import Direction


@dataclass(frozen=True)
class CaptionExample:
    """One held-out image and what every arm wrote about it."""

    image_name: str
    thumbnail: str
    """The image, small: a file in the study's folder."""
    references: tuple[str, ...]
    captions: dict[str, str]
    """By arm name."""


@dataclass(frozen=True, kw_only=True)
class CaptioningResult(RankedStudy):
    """A finished study of captions: a concept switched down, and up."""

    words: tuple[str, ...]
    """The concept's."""
    request: str
    """The request about each image."""
    sheets: dict[Direction, CaptionSheet]
    """The sheets that the doses were chosen by."""
    arms: tuple[CaptionArm, ...]
    """Base first, then all of one direction, then all of the other."""
    verdicts: dict[Direction, Verdict]
    examples: tuple[CaptionExample, ...]
    """Every held-out image."""

    def __post_init__(self) -> None:
        if not self.arms or self.arms[0].kind != "base":
            raise ValueError("arms: the base does not come first")
        for direction in self.verdicts:
            if direction not in self.sheets or not self.arms_of(direction, "edit"):
                raise ValueError(f"the verdict on {direction} stands without its dose sheet or its edit")

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

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "CaptioningResult":
        """From its fields; of a dose, older versions have ratios on disk, not effect and damage."""
        sheets = {name: _renewed(name, sheet, content["config"]) for name, sheet in content["sheets"].items()}
        return from_fields(cls, content | {"sheets": sheets})


KIND = ResultKind("captioning study", StudyConfig, CaptioningResult, "study.json", {"ranking": ranking_in})
"""A study of captions on disk."""


def _renewed(direction: Direction, sheet: dict[str, Any], config: Any) -> dict[str, Any]:
    """A dose sheet as it is written now."""
    if "direction" not in sheet:
        return sheet
    measure = caption_measure(direction, from_record(StudyConfig, config))
    base = from_record(CaptionArm, sheet["base"])
    cells = []
    for cell in sheet["cells"]:
        arm = from_record(CaptionArm, cell["arm"])
        kept = {name: value for name, value in cell.items() if name not in ("frequency", "cider")}
        cells.append(kept | {"effect": measure.effect(base, arm), "damage": measure.damage(base, arm)})
    return {name: value for name, value in sheet.items() if name != "direction"} | {"cells": cells}
