"""Prints finished studies as the Markdown table of docs/results.md, a row each.

for name in countries months ...; do headpursuit study studies/$name.yaml -o out/$name; done
python tools/results_table.py out/*
"""

import sys
from pathlib import Path

import numpy as np

from headpursuit.studies import CaptioningResult, StudyResult, load_result
from headpursuit.studies.results import ArmKind, Balance, CaptionArm, Estimate, GroupSummary

COLUMNS = (
    "study",
    "heads",
    "scale",
    "target, unedited",
    "edited",
    "same layers",
    "any layer",
    "unrelated",
    "worst subject",
    "promised: effect, loss",
    "found",
    "verdict",
)


def main() -> int:
    """Print the rows of every folder named on the command line."""
    print("| " + " | ".join(COLUMNS) + " |")
    print("| --- " * len(COLUMNS) + "|")
    for folder in map(Path, sys.argv[1:]):
        result = load_result(folder)
        for row in (
            rows_of_answers(folder.name, result)
            if isinstance(result, StudyResult)
            else rows_of_captions(folder.name, result)
        ):
            print("| " + " | ".join(row) + " |")
    return 0


def rows_of_answers(name: str, result: StudyResult) -> list[tuple[str, ...]]:
    """The one row of a study of answers."""
    base, edit = result.arms_of("base")[0], result.edit
    kept = f"{shown(base.unrelated)} → {shown(edit.unrelated)}"
    return [
        (
            name,
            " ".join(edit.heads),
            ", ".join(f"{scale:g}" for scale in dict.fromkeys(result.rescaled.values())),
            interval(base.target.score),
            f"**{interval(edit.target.score)}**",
            draws([arm.target.score.value for arm in result.arms_of("matched")]),
            draws([arm.target.score.value for arm in result.arms_of("random")]),
            kept,
            worst(base.unrelated, edit.unrelated),
            balance(result.promised),
            balance(result.found),
            result.verdict.outcome,
        )
    ]


def rows_of_captions(name: str, result: CaptioningResult) -> list[tuple[str, ...]]:
    """A row for each direction; CIDEr takes the place of the unrelated answers."""
    rows: list[tuple[str, ...]] = []
    for direction, verdict in result.verdicts.items():
        edit = result.edit(direction)
        cider = "cider_without" if direction == "suppress" else "cider"

        def of(kind: ArmKind, arms: tuple[CaptionArm, ...] = result.arms, way: str = direction) -> list[float]:
            return [arm.frequency.value for arm in arms if arm.kind == kind and arm.direction == way]

        before, after = (getattr(arm, cider).value for arm in (result.base, edit))
        rows.append(
            (
                f"{name}, {direction}",
                " ".join(edit.heads),
                f"{edit.scale:g}",
                interval(result.base.frequency),
                f"**{interval(edit.frequency)}**",
                draws(of("matched")),
                draws(of("random")),
                f"CIDEr {before:.2f} → {after:.2f}",
                *["–"] * 3,
                verdict.outcome,
            )
        )
    return rows


def interval(estimate: Estimate) -> str:
    """A figure with its interval."""
    return f"{estimate.value:.2f} ({estimate.low:.2f}-{estimate.high:.2f})"


def draws(values: list[float]) -> str:
    """Mean and range of draws."""
    return f"{np.mean(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def shown(group: GroupSummary | None) -> str:
    """The score of a group of answers, if there is one."""
    return f"{group.score.value:.2f}" if group else "–"


def worst(base: GroupSummary | None, edit: GroupSummary | None) -> str:
    """The subject that falls most, its score before and after, and its questions."""
    pair = edit.worst(base) if base and edit else None
    if pair is None:
        return "–"
    before, after = pair
    return f"{before.subject} {before.score:.2f} → {after.score:.2f} ({before.n_questions})"


def balance(found: Balance | None) -> str:
    """Effect and loss, where a study has them."""
    return f"{found.effect:.0%}, {found.loss:.0%}" if found else "–"


if __name__ == "__main__":
    sys.exit(main())
