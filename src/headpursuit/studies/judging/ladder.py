"""A ladder of specificity in sentences."""

from collections.abc import Iterator, Sequence

from headpursuit.studies.measures import Thresholds
from headpursuit.studies.results import RungResult

_KNOWN = Thresholds().weakest_base


def is_known(rung: RungResult) -> bool:
    """True if the unedited model answers enough of a rung to see a loss."""
    return rung.arms[0].answers.score.value >= _KNOWN


def climbed(ladder: Sequence[RungResult]) -> Iterator[str]:
    """The reach of an edit: the concept in other ways, its siblings, and the rungs that the model does not know."""
    for is_sibling, what in (
        (False, "Of the concept asked for in other ways the edit leaves"),
        (True, "Of siblings it leaves"),
    ):
        found = [
            f"{rung.name} {rung.of('edit')[0].left}"
            for rung in ladder
            if rung.is_sibling == is_sibling and is_known(rung)
        ]
        if found:
            yield f"{what}, as a fraction of the unedited score: {'; '.join(found)}."
    unknown = [rung.name for rung in ladder if not is_known(rung)]
    if unknown:
        yield f"The unedited model answers too little to see a loss: {', '.join(unknown)}."
