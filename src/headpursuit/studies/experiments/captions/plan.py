"""Which arms a study of captions has."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from headpursuit.analysis import Ranking
from headpursuit.heads import Edit, parse_scope
from headpursuit.models import Anatomy
from headpursuit.studies.arms import PlannedArm, plan_arms
from headpursuit.studies.results import ArmKind, CaptionSheet, StudyConfig
from headpursuit.studies.tasks import Direction

PAPER_SCALES: Mapping[Direction, float] = {"suppress": -1.0, "enhance": 5.0}
"""What the paper multiplies 1 % of the heads by."""


def plan_caption_arms(
    config: StudyConfig,
    anatomy: Anatomy,
    rankings: tuple[Ranking, Ranking],
    sheets: Mapping[Direction, CaptionSheet],
    scopes: Sequence[ArmKind] = (),
) -> dict[Direction, list[PlannedArm]]:
    """Name, kind and edit of every arm of each direction, without the base; names begin with the direction.

    Args:
        config: Scope, number of draws, and the paper's number of heads.
        anatomy: All heads of the model.
        rankings: The concept's and the other concept's.
        sheets: The dose of each direction.
        scopes: Kinds of arms that are the edit in another scope: `image`, `text`.

    Raises:
        ValueError: If an edit cannot be controlled.
    """
    planned: dict[Direction, list[PlannedArm]] = {}
    for direction, sheet in sheets.items():
        own = planned[direction] = []
        dosed = replace(config, sweep=False, heads=str(sheet.n_heads), scale=sheet.scale)
        for name, kind, edit in plan_arms(dosed, anatomy, *rankings, scopes)[1:]:
            own.append((direction if kind == "edit" else f"{direction}-{name.removeprefix('edit-')}", kind, edit))
            if kind == "edit":
                own += _paper_arm(direction, config, rankings[0], edit)
    return planned


def _paper_arm(direction: Direction, config: StudyConfig, ranking: Ranking, chosen: Edit) -> list[PlannedArm]:
    """The paper's dose, unless it is the chosen one."""
    edit = Edit(ranking.edit(config.heads, PAPER_SCALES[direction]), parse_scope(config.scope))
    return [] if edit == chosen else [(f"{direction}-paper", "dose", edit)]
