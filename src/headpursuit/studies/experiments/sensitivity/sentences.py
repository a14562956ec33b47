"""A sensitivity study in sentences, and as terminals show it."""

from collections.abc import Iterator, Mapping, Sequence

from headpursuit.studies.experiments.sensitivity.result import (
    Agreement,
    Draw,
    Effect,
    Outcome,
    SensitivityResult,
)
from headpursuit.studies.judging.terms import WORDS, percent
from headpursuit.studies.kernel import Line, Shown, Table
from headpursuit.studies.measures import Thresholds
from headpursuit.studies.tasks import Direction

_ANY_WORDS = 0.5
"""Random words whose lists share so much of the edit's heads show that the ranking is not about the concept."""


def conclude(
    agreements: Sequence[Agreement], edit_heads: int, chance: float, least: float
) -> tuple[float | None, Outcome, str]:
    """From which completeness on the ranking is stable, what that makes of it, and why, in a sentence.

    In this order: a full list that does not agree with itself under other random dictionaries is `noisy`; a ranking
    that random words share is `not about the words`; one whose mean overlap never stays at `least` `depends on the
    list`; what is left is `stable`.
    """
    levels = {a.level or 0.0: a.overlap.value for a in agreements if a.kind == "subsample"}
    level = stable_from(tuple(levels.items()), least)
    ceiling, shuffled = _mean(agreements, "draws"), _mean(agreements, "shuffled")
    heads = "head" if edit_heads == 1 else f"{edit_heads} heads"
    if ceiling is not None and ceiling < least:
        why = f"Even the full list shares only {ceiling:.2f} of the edit's {heads} with itself when other random"
        return level, "noisy", f"{why} dictionaries are drawn: give more of them (n_draws) before asking about words."
    if shuffled is not None and shuffled >= _ANY_WORDS:
        why = (
            f"Lists of random words share {shuffled:.2f} of the edit's {heads} with the full list (chance {chance:.2f})"
        )
        return level, "not about the words", f"{why}: the ranking is not about these words; do not trust it."
    beside = f"chance {chance:.2f}" + ("" if shuffled is None else f", random words {shuffled:.2f}")
    if level is None:
        most = max(levels)
        why = f"with {most:.0%} of the words the mean overlap of the edit's {heads} is {levels[most]:.2f}, below"
        sentence = f"The ranking depends on the list: {why} {least:.2f} ({beside}); do not trust it."
        return level, "depends on the list", sentence
    suffice = "Half the words suffice" if level == 0.5 else f"{level:.0%} of the words suffice"
    why = f"from there on the mean overlap of the edit's {heads} with the full list's stays at {least:.2f} or more"
    sentence = f"{suffice}: {why} ({levels[level]:.2f} there; {beside}).{_exceptions(agreements, least)}"
    return level, "stable", sentence


def _mean(agreements: Sequence[Agreement], kind: str) -> float | None:
    return next((a.overlap.value for a in agreements if a.kind == kind), None)


def _exceptions(agreements: Sequence[Agreement], least: float) -> str:
    """Other changes of the list that the edit's heads do not outlast."""
    kinds = ("random words", "other concepts", "synonyms", "tokenisation")
    weak = [f"{a.label} ({a.overlap.value:.2f})" for a in agreements if a.kind in kinds and a.overlap.value < least]
    return f" Other heads come out with: {', '.join(weak)}." if weak else ""


def conclude_effects(draws: Sequence[Draw], effects: Mapping[str, Effect], least: float, direction: Direction) -> str:
    """The part of the full list's effect that edits of shorter lists keep, in a sentence."""
    verb = WORDS[direction].verb
    kinds = {draw.label: (draw.kind, draw.level or 0.0) for draw in draws}
    full = next(effects[label] for label, (kind, _) in kinds.items() if kind == "full")
    means = [(level, effects[label].target.value) for label, (kind, level) in kinds.items() if kind == "subsample"]
    shuffled = next((effects[label].target.value for label, (kind, _) in kinds.items() if kind == "shuffled"), None)
    if full.broken:
        return "The full list's edit breaks the model, so there is no effect on the concept to agree on."
    whole = full.target.value
    if whole < Thresholds().smallest_effect:
        return f"The full list's edit {verb}s the target score by {max(0.0, whole):.0%}: no effect to agree on."
    beside = f"the full list's edit {verb}s the target score by {whole:.0%}"
    if shuffled is not None:
        beside += f", random words' edits {percent(shuffled)} on average"
    level = stable_from(means, least * whole)
    if level is None:
        most, kept = max(means)
        return (
            f"The effect depends on the list: with {most:.0%} of the words the edits {verb} the target score by "
            f"{percent(kept)} on average ({beside})."
        )
    return f"From {level:.0%} of the words on, the edits keep at least {least:.0%} of the effect on average ({beside})."


def stable_from(means: Sequence[tuple[float, float]], least: float) -> float | None:
    """The smallest completeness from which on the mean agreement never falls below `least`; None if there is none.

    Args:
        means: Completeness and mean agreement, in any order.
        least: The agreement to keep.
    """
    found = None
    for level, mean in sorted(means, reverse=True):
        if mean < least:
            break
        found = level
    return found


def shown(result: SensitivityResult) -> Iterator[Shown]:
    """Agreements, suggestions, remarks, and what was found."""
    k, more = result.edit_heads, result.more_heads
    columns = ("list", ">draws", ">tokens", f">best {k}", f">best {more}", ">Spearman")
    yield Table(
        f"{result.concept}: agreement with the ranking of the full list ({result.n_known} words, {result.n_tokens} "
        f"tokens); by chance {result.chance:.2f} of the best {k}, {result.chance_more:.2f} of the best {more}",
        # What else there is does not fit into 80 columns.
        columns + ((">effect", ">broken") if result.measured else ()),
        tuple(map(_row, result.agreements)),
    )
    if result.suggestions:
        words = ", ".join(f"{s.word} {s.score:.2f}" for s in result.suggestions)
        yield Line(f"words that may be missing (nothing was added): {words}")
    yield from map(Line, result.remarks)
    yield Line(f"\n{result.outcome.upper()}: {result.sentence}", strong=True)
    if result.measured:
        yield Line(result.measured.sentence, strong=True)


def _row(a: Agreement) -> tuple[str, ...]:
    effect = (f"{a.effect.target.value:.2f}", f"{a.effect.broken:.0%}") if a.effect else ()
    return (
        a.label,
        str(a.n_draws),
        f"{a.n_tokens:.0f}",
        str(a.overlap),
        f"{a.overlap_more.value:.2f}",
        f"{a.spearman.value:.2f}",
        *effect,
    )
