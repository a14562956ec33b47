"""Which doses are tried, what each is called, and which one is taken."""

from collections.abc import Sequence

from headpursuit.analysis import count_of
from headpursuit.studies.results import ArmSummary, DoseCell, DoseWord, StudyConfig
from headpursuit.studies.verdict import Thresholds, fall, signs_of_damage

_LADDER = (1, 2, 3, 4, 6, 8, 16, 32)
"""The paper edits 8, 16 and 32 of about a thousand heads."""

_SHARE = 32
"""By default one head in so many is edited at most: 8 of 270, 32 of 1024."""


def head_counts(config: StudyConfig, n_heads: int) -> tuple[int, ...]:
    """The numbers of heads on the dose sheet, few first.

    Raises:
        ValueError: If that is none, or more than the model has.
    """
    if config.dose_heads:
        return tuple(sorted({count_of(heads, n_heads) for heads in config.dose_heads}))
    most = max(1, n_heads // _SHARE)
    return tuple(count for count in _LADDER if count <= most)


def cell_of(base: ArmSummary, arm: ArmSummary, thresholds: Thresholds | None = None) -> DoseCell:
    """An arm's cell on the sheet; silence is damage, not success."""
    t = thresholds or Thresholds()
    signs = tuple(signs_of_damage(base, arm, t))
    weak = fall(base, arm) < t.good_fall
    word: DoseWord = "over-intervened" if signs else "too weak" if weak else "good"
    if arm.scale is None:
        raise ValueError(f"arm {arm.name} has no single scale, so it has no place on a dose sheet")
    return DoseCell(len(arm.heads), arm.scale, word, signs, arm)


def by_preference(base: ArmSummary, cells: Sequence[DoseCell]) -> list[DoseCell]:
    """The dose to take first.

    Good doses come first, those before the others that surely spare the unrelated answers: the best of many is a little
    worse on held-out questions, and should not stand at the edge. Then come weak doses, then broken models. Among whole
    models the largest fall of the target rate counts, among broken ones the least damage; what is alike in that goes to
    fewer heads, then to the milder scale.
    """

    def order(cell: DoseCell) -> tuple[float | int, ...]:
        mild = (cell.n_heads, abs(cell.scale - 1))
        if cell.word == "over-intervened":
            return (3, len(cell.signs), _loss(base, cell.arm), cell.arm.damage.kl, *mild)
        place = 2 if cell.word == "too weak" else 0 if _surely_spares(base, cell.arm) else 1
        return (place, -round(fall(base, cell.arm), 9), *mild)

    return sorted(cells, key=order)


def explain_choice(base: ArmSummary, cell: DoseCell) -> str:
    """Why this cell was chosen, in a sentence."""
    dose = f"{cell.n_heads} head{'s' if cell.n_heads > 1 else ''} at scale {cell.scale:g}"
    ending = "" if cell.n_heads > 1 else "s"
    takes = f"{dose} take{ending} {fall(base, cell.arm):.0%} of the right target answers"
    if cell.word == "good":
        how = "surely break nothing else" if _surely_spares(base, cell.arm) else "seem to break nothing else"
        return f"{takes} on the selection questions, the most of all doses that {how}."
    if cell.word == "too weak":
        return (
            f"No dose takes half of the right target answers without breaking something else; {takes}, the "
            "most of those that break nothing."
        )
    return f"Every dose breaks something else; {dose} break{ending} the least: {'; '.join(cell.signs)}."


def _surely_spares(base: ArmSummary, arm: ArmSummary) -> bool:
    """Whether the whole interval of the unrelated answers' change stays clear of over-intervention."""
    change = arm.unrelated.score_change if arm.unrelated else None
    if base.unrelated is None or change is None:
        return True
    return -change.low <= Thresholds.unrelated_loss * base.unrelated.score.value


def _loss(base: ArmSummary, arm: ArmSummary) -> float:
    """Fraction of the base's right unrelated answers that are lost."""
    if not base.unrelated or not arm.unrelated or not base.unrelated.score.value:
        return 0.0
    return 1 - arm.unrelated.score.value / base.unrelated.score.value
