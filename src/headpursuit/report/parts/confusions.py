"""Classes named under base, edit and random heads, by the class of the image."""

from collections.abc import Sequence
from dataclasses import dataclass

from headpursuit.report import wording
from headpursuit.studies.results import ArmKind, Confusion, StudyResult

MOST_CLASSES = 50
"""More classes make no table that can be read; their accuracies are listed only."""


@dataclass(frozen=True)
class ShownConfusion:
    """A matrix with its title."""

    title: str
    labels: tuple[str, ...]
    shares: tuple[tuple[float, ...], ...]
    """Fraction of a class's images (rows) that were called by each class, and by none (last column)."""


@dataclass(frozen=True)
class ClassRow:
    """The rate at which one class was recognised."""

    label: str
    n_images: int
    accuracy: tuple[float, ...]
    """For each matrix; NaN where there are no images of the class."""


def confusions(result: StudyResult) -> tuple[ShownConfusion, ...]:
    """The matrices of base, edit, and the mean of the random heads of the same layers; none without classes."""
    kinds: dict[ArmKind, str] = {"base": "unedited model", "edit": "edit", "matched": "random heads, same layers"}
    shown = []
    for kind, title in kinds.items():
        found = [arm.confusion for arm in result.arms_of(kind) if arm.confusion]
        if found:
            shown.append(_shown(title if len(found) == 1 else f"{title}, mean of {len(found)} draws", found))
    return tuple(shown)


def class_rows(result: StudyResult) -> tuple[ClassRow, ...]:
    """Every class with its accuracy in each of `confusions`."""
    matrices, base = confusions(result), result.arms_of("base")[0].confusion
    if base is None:
        return ()
    return tuple(
        ClassRow(label, sum(base.counts[i]), tuple(matrix.shares[i][i] for matrix in matrices))
        for i, label in enumerate(base.labels)
    )


def _shown(title: str, found: Sequence[Confusion]) -> ShownConfusion:
    labels, totals = found[0].labels, [sum(row) for row in found[0].counts]
    shares = tuple(
        tuple(
            wording.mean([matrix.counts[i][j] / total for matrix in found]) if total else float("nan")
            for j in range(len(labels) + 1)
        )
        for i, total in enumerate(totals)
    )
    return ShownConfusion(title, labels, shares)
