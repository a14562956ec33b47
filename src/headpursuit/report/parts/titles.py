"""Arms and scores in words."""

from headpursuit.report.wording import number
from headpursuit.studies.metrics import METRICS
from headpursuit.studies.results import ArmSummary, StudyResult


def target_scores(result: StudyResult) -> str:
    """The score of the target outputs, as a heading."""
    return METRICS.find(result.metric).heading


TITLES = {
    "base": "unedited model",
    "image": "ranked heads, image positions only",
    "text": "ranked heads, all but image positions",
    "matched": "random heads, same layers",
    "random": "random heads, any layer",
}
"""Descriptions of arms that are called alike in every study."""


def arm_title(arm: ArmSummary, result: StudyResult) -> str:
    """An arm's edit, in words."""
    return {
        **TITLES,
        "edit": f"ranked heads × {number(result.scale)}",
        "dose": _other_dose(arm),
        "other": f"best heads for {result.config.other_concept}",
    }[arm.kind]


def _other_dose(arm: ArmSummary) -> str:
    kind = "random heads, same layers" if arm.name.endswith("-matched") else "ranked heads"
    return f"{len(arm.heads)} {kind}"
