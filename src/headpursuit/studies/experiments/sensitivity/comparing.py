"""Lists ranked from one capture, and compared with the full one."""

import math
from collections.abc import Callable, Sequence
from itertools import groupby

from headpursuit.analysis import Capture, Ranking, Suggestions, rank_each
from headpursuit.models import ConceptTokens, LanguageModel
from headpursuit.studies.experiments.sensitivity.agreement import over_draws
from headpursuit.studies.experiments.sensitivity.config import SensitivityConfig
from headpursuit.studies.experiments.sensitivity.lists import known_words
from headpursuit.studies.experiments.sensitivity.result import Agreement, Draw, Effect
from headpursuit.studies.experiments.sensitivity.variants import Variant
from headpursuit.studies.overlap import overlap
from headpursuit.studies.results import Estimate
from headpursuit.studies.statistics import spearman

_TOP = 10
"""Of the full list's heads, the best tenth, at least ten, are those whose order is compared apart."""


def n_top(n_heads: int) -> int:
    """How many of the full list's best heads `spearman_top` is over."""
    return min(n_heads, max(_TOP, math.ceil(n_heads / _TOP)))


def compare(
    model: LanguageModel,
    capture: Capture,
    variants: Sequence[Variant],
    full: Variant,
    ranking: Ranking,
    config: SensitivityConfig,
    edit_heads: int,
    suggestions: Suggestions,
    progress: Callable[[int, int], None],
) -> list[Draw]:
    """Rank some lists, and compare each with the full one and its ranking."""
    lists, seeds = [variant.found for variant in variants], [variant.seed for variant in variants]
    rankings = rank_each(model, capture, lists, config.ranking, seeds=seeds, progress=progress)
    draws = []
    for variant, other in zip(variants, rankings, strict=True):
        again = None
        if variant.kind == "subsample" and config.suggestions:
            again = _found_again(full.found, variant.found, suggestions, config.suggestions)
        draws.append(_draw(variant, other, ranking, edit_heads, again))
    return draws


def _draw(variant: Variant, ranking: Ranking, full: Ranking, k: int, found_again: float | None) -> Draw:
    ours, theirs = (r.by_head() for r in (ranking, full))
    heads, top = list(theirs), list(theirs)[: n_top(len(theirs))]
    more = min(_TOP, len(heads))
    return Draw(
        variant.kind,
        variant.label,
        variant.level,
        len(known_words(variant.found)),
        len(variant.found.token_ids),
        tuple(map(str, list(ours)[:k])),
        overlap(list(ours), heads, k),
        overlap(list(ours), heads, more),
        spearman([ours[h] for h in heads], [theirs[h] for h in heads]),
        spearman([ours[h] for h in top], [theirs[h] for h in top]),
        found_again,
    )


def _found_again(full: ConceptTokens, kept: ConceptTokens, suggestions: Suggestions, most: int) -> float | None:
    """The fraction of the first suggestions for a shortened list that are words it lacks of the full one."""
    missing = {i for i in full.token_ids} - set(kept.token_ids)
    left_out = len(known_words(full)) - len(known_words(kept))
    words = suggestions.words(kept, min(most, left_out))
    return sum(not missing.isdisjoint(word.token_ids.values()) for word in words) / len(words) if words else None


def agreements(draws: Sequence[Draw], seed: int, effects: dict[str, Effect] | None = None) -> tuple[Agreement, ...]:
    """Means over the draws of each label, in the order of the draws."""
    return tuple(
        _agreement(label, list(group), seed, (effects or {}).get(label))
        for label, group in groupby(draws, key=lambda draw: draw.label)
    )


def _agreement(label: str, draws: list[Draw], seed: int, effect: Effect | None) -> Agreement:
    def mean(values: Sequence[float], *, fraction: bool = True) -> Estimate:
        return over_draws(values, seed, fraction=fraction)

    again = [d.found_again for d in draws if d.found_again is not None]
    return Agreement(
        kind=draws[0].kind,
        label=label,
        level=draws[0].level,
        n_draws=len(draws),
        n_words=sum(d.n_words for d in draws) / len(draws),
        n_tokens=sum(d.n_tokens for d in draws) / len(draws),
        overlap=mean([d.overlap for d in draws]),
        overlap_more=mean([d.overlap_more for d in draws]),
        spearman=mean([d.spearman for d in draws], fraction=False),
        spearman_top=mean([d.spearman_top for d in draws], fraction=False),
        same_edit=mean([float(d.same_edit) for d in draws]),
        found_again=mean(again) if again else None,
        effect=effect,
    )
