"""An edit of heads beside other ways to the same end: better, as good, or worse."""

from collections.abc import Callable, Sequence

from headpursuit.studies.measures import Measure
from headpursuit.studies.results import ArmSummary, Compared, Estimate, Word


def compare(
    measure: Measure[ArmSummary], arms: Sequence[ArmSummary], further: Callable[[str], Estimate]
) -> tuple[Compared, ...]:
    """The edit beside every arm that is no edit of heads.

    Each was chosen to go as far as the tolerated damage allows. What breaks the model on held-out questions reaches
    nothing, however far it goes: it is worse than what breaks nothing and has a certain effect. Of two that leave the
    model whole, the interval of their difference decides.

    Args:
        measure: How the figures are read.
        arms: Base, edit, and others.
        further: How much further the edit goes than the arm of a name.
    """
    base, edit = (next(arm for arm in arms if arm.kind == kind) for kind in ("base", "edit"))
    edit_breaks = bool(measure.breaks(base, edit))

    def word(arm: ArmSummary, breaks: bool, difference: Estimate) -> Word:
        if edit_breaks and breaks:
            return Word.NEITHER
        if breaks:
            return Word.BETTER if measure.is_certain(base, edit) else Word.AS_GOOD
        if edit_breaks:
            return Word.WORSE if measure.is_certain(base, arm) else Word.AS_GOOD
        if difference.low > 0:
            return Word.BETTER
        return Word.WORSE if difference.high < 0 else Word.AS_GOOD

    found = []
    for arm in arms:
        if arm.baseline is not None:
            breaks, difference = bool(measure.breaks(base, arm)), further(arm.name)
            found.append(Compared(arm.name, word(arm, breaks, difference), difference, breaks))
    return tuple(found)
