"""Which doses are tried, what each is called, and which one is taken."""

from collections.abc import Sequence
from dataclasses import replace

from headpursuit.analysis import count_of
from headpursuit.studies.effect import Asked, Thresholds, broken_word, damage, effect, signs_of_damage, unrelated_loss
from headpursuit.studies.results import ArmSummary, DoseCell, DoseWord, StudyConfig

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


def cell_of(base: ArmSummary, arm: ArmSummary, asked: Asked) -> DoseCell:
    """An arm's cell on the sheet; silence is damage, not success.

    Raises:
        ValueError: If its heads do not share one scale.
    """
    if arm.scale is None:
        raise ValueError(f"arm {arm.name} has no single scale, so it has no place on a dose sheet")
    signs = signs_of_damage(base, arm, asked.thresholds)
    reached = effect(base, arm, asked.direction)
    weak = reached < asked.thresholds.asked_effect
    word: DoseWord = broken_word(signs, asked.direction) if signs else "too weak" if weak else "good"
    return DoseCell(len(arm.heads), arm.scale, word, tuple(signs), reached, damage(base, arm, asked.thresholds), arm)


def beside_random(base: ArmSummary, cell: DoseCell, control: ArmSummary, asked: Asked) -> DoseCell:
    """A cell with a draw of random heads beside it; if they do much of the same unbroken, it is not special."""
    reached = effect(base, control, asked.direction)
    cell = replace(cell, matched=control.target.score.value)
    whole = not signs_of_damage(base, control, asked.thresholds)
    if not (cell.word == "good" and whole and reached > asked.thresholds.control_share * cell.effect):
        return cell
    sign = f"random heads of the same layers reach {reached / cell.effect:.0%} of the effect"
    return replace(cell, word="not specific", signs=(sign,))


def fell_apart(base: ArmSummary, arm: ArmSummary) -> bool:
    """Whether so little of the model is left that more of the same dose need not be measured."""
    return (
        damage(base, arm, Thresholds(unrelated_loss=0.5, perplexity_ratio=5.0, empty_rise=0.5, repetition_rise=0.6)) > 1
    )


def at_least(dose: tuple[int, float], other: tuple[int, float]) -> bool:
    """Whether a dose has as many heads as another or more, and scales them as hard or harder, to the same side."""
    (count, scale), (fewer, milder) = dose, other
    same_side = (scale - 1) * (milder - 1) > 0
    return count >= fewer and same_side and abs(scale - 1) >= abs(milder - 1)


def by_preference(base: ArmSummary, cells: Sequence[DoseCell], asked: Asked) -> list[DoseCell]:
    """The dose to take first.

    Good doses come first, those before the others that surely reach the asked effect and spare the unrelated answers:
    what is chosen of many is a little worse on held-out questions, and should not stand at the edge. Among them the
    smallest counts (`size_of`), of equally large ones the larger effect. Then come weak doses, the largest effect
    first, then doses whose effect random heads have too, then broken models, the least damage first.
    """

    def order(cell: DoseCell) -> tuple[float | int, ...]:
        mild = (cell.size, -round(cell.effect, 9), cell.n_heads)
        if cell.word == "good":
            return (0 if is_sure(base, cell, asked) else 1, *mild)
        if cell.word == "too weak":
            return (2, -round(cell.effect, 9), *mild)
        if cell.word == "not specific":
            return (3, *mild)
        return (4, len(cell.signs), unrelated_loss(base, cell.arm), cell.arm.damage.kl, *mild)

    return sorted(cells, key=order)


def explain_choice(base: ArmSummary, cell: DoseCell, asked: Asked) -> str:
    """Why this cell was chosen, in a sentence."""
    many = cell.n_heads > 1
    dose = f"{cell.n_heads} head{'s' if many else ''} at scale {cell.scale:g}"
    ending = "" if many else "s"
    verb = "lower" if asked.direction == "suppress" else "raise"
    changes = f"{dose} {verb}{ending} the target score by {cell.effect:.0%}"
    wanted = f"{asked.thresholds.asked_effect:.0%}"
    if cell.word == "good":
        how = "surely" if is_sure(base, cell, asked) else "seem to"
        which = f"the smallest of all doses that {how} reach {wanted} and break nothing else"
        return f"{changes} on the selection questions, {which}."
    if cell.word == "too weak":
        start = f"No dose reaches {wanted} without breaking something else"
        return f"{start}; of those that break nothing, {changes}, the most."
    if cell.word == "not specific":
        return f"No dose reaches {wanted} that random heads do not share; of {dose}, {cell.signs[0]}."
    return f"Every dose breaks something else; {dose} break{ending} the least: {'; '.join(cell.signs)}."


def is_sure(base: ArmSummary, cell: DoseCell, asked: Asked) -> bool:
    """Whether the intervals of a dose stay clear of both lines: the asked effect, and over-intervention."""
    t, target, unrelated = asked.thresholds, cell.arm.target.score_change, cell.arm.unrelated
    before = base.target.score.value
    if target is not None:
        least = -target.high if asked.direction == "suppress" else target.low
        if least < t.asked_effect * before:
            return False
    change = unrelated.score_change if unrelated else None
    if base.unrelated is None or change is None:
        return True
    return -change.low <= t.unrelated_loss * base.unrelated.score.value
