"""An edit of heads beside other ways to the same end: better, as good, or worse."""

from collections.abc import Callable, Sequence

from headpursuit.studies.measures import Measure
from headpursuit.studies.results import ArmSummary, Compared, Estimate, Word


def compare(
    measure: Measure[ArmSummary], arms: Sequence[ArmSummary], further: Callable[[str], Estimate]
) -> tuple[Compared, ...]:
    """The edit beside every arm that is no edit of heads.

    Each was chosen to go as far as the tolerated damage allows. One that breaks the model on held-out questions is
    worse than one that does not, however far it goes; of others the interval of their difference decides.

    Args:
        measure: How the figures are read.
        arms: Base, edit, and others.
        further: How much further the edit goes than the arm of a name.
    """
    base, edit = (next(arm for arm in arms if arm.kind == kind) for kind in ("base", "edit"))
    edit_breaks = bool(measure.breaks(base, edit))
    found = []
    for arm in arms:
        if arm.baseline is not None:
            breaks, difference = bool(measure.breaks(base, arm)), further(arm.name)
            found.append(Compared(arm.name, _word(edit_breaks, breaks, difference), difference, breaks))
    return tuple(found)


def _word(edit_breaks: bool, breaks: bool, difference: Estimate) -> Word:
    if edit_breaks and breaks:
        return Word.NEITHER
    if edit_breaks != breaks:
        return Word.WORSE if edit_breaks else Word.BETTER
    if difference.low > 0:
        return Word.BETTER
    return Word.WORSE if difference.high < 0 else Word.AS_GOOD
