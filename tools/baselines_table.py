"""Prints finished studies beside a prompt and directions, as the Markdown tables of docs/baselines.md.

Rungs, and long answers where there are some, are fractions of the unedited score that are left; of the unedited model
the score itself.

headpursuit study countries-qa smollm2-135m --heads 2 -o out/countries
python tools/baselines_table.py out/*
"""

import sys
from collections.abc import Collection
from pathlib import Path

import numpy as np

from headpursuit.studies import StudyResult
from headpursuit.studies.results import ArmKind, ArmSummary, Estimate

COLUMNS = ("study", "arm", "done", "target", "unrelated", "perplexity", "the edit is", "difference", "rungs", "long")
_DRAWN: tuple[ArmKind, ...] = ("matched", "random")


def main() -> int:
    """Print the rows of every folder named on the command line."""
    print("| " + " | ".join(COLUMNS) + " |")
    print("| --- " * len(COLUMNS) + "|")
    for folder in map(Path, sys.argv[1:]):
        for row in rows_of(folder.name, StudyResult.load(folder)):
            print("| " + " | ".join(row) + " |")
    return 0


def rows_of(name: str, result: StudyResult) -> list[tuple[str, ...]]:
    """The unedited model, the edit, what it is compared with, and the means of random heads."""
    compared = {one.name: one for one in result.verdict.compared}
    rows: list[tuple[str, ...]] = []
    for arm in result.arms:
        if arm.kind in ("base", "edit") or arm.baseline is not None:
            done = str(arm.baseline or " ".join(arm.heads) or "nothing")
            one = compared.get(arm.name)
            words = (f"{one.word} it", interval(one.difference)) if one else ("–", "–")
            unrelated = interval(arm.unrelated.score) if arm.unrelated else "–"
            figures = (interval(arm.target.score), unrelated, f"{arm.damage.perplexity:.1f}")
            rows.append(
                (name, arm.name, done, *figures, *words, rungs_of(result, [arm.name]), long_of(result, arm.name))
            )
    for kind in _DRAWN:
        drawn = result.arms_of(kind)
        figures = (mean([arm.target.score for arm in drawn]), unrelated_of(drawn), perplexity_of(drawn))
        rungs = rungs_of(result, [arm.name for arm in drawn])
        rows.append((name, f"{kind}, mean of {len(drawn)}", "random heads", *figures, "–", "–", rungs, "–"))
    return rows


def rungs_of(result: StudyResult, names: Collection[str]) -> str:
    """The part of each rung that is left under an arm, or under several on average."""
    found = []
    for rung in result.ladder:
        arms = [arm for arm in rung.arms if arm.name in names]
        values = [arm.left.value if arm.left else arm.answers.score.value for arm in arms]
        if values:
            found.append(f"{rung.name} {np.mean(values):.2f}")
    return ", ".join(found) or "–"


def long_of(result: StudyResult, name: str) -> str:
    """The part of the target that is left in long answers, and the fraction of these that are degenerate."""
    found = []
    for long in result.long:
        (arm,) = (arm for arm in long.arms if arm.name == name)
        score = arm.left.value if arm.left else arm.target.score.value if arm.target else float("nan")
        found.append(f"{long.decoding} {score:.2f} ({arm.degenerate:.0%} degenerate)")
    return ", ".join(found) or "–"


def interval(estimate: Estimate) -> str:
    """A figure with its interval."""
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def mean(estimates: list[Estimate]) -> str:
    """The mean of several figures."""
    return f"{np.mean([estimate.value for estimate in estimates]):.2f}"


def unrelated_of(arms: tuple[ArmSummary, ...]) -> str:
    """The mean score of unrelated answers, where there are any."""
    found = [arm.unrelated.score for arm in arms if arm.unrelated]
    return mean(found) if found else "–"


def perplexity_of(arms: tuple[ArmSummary, ...]) -> str:
    """The mean perplexity."""
    return f"{np.mean([arm.damage.perplexity for arm in arms]):.1f}"


if __name__ == "__main__":
    sys.exit(main())
