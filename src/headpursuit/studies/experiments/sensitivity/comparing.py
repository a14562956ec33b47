"""Lists ranked from one capture, and compared with the full one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from headpursuit.analysis import Capture, Ranking, Suggestions, rank_each
from headpursuit.models import LanguageModel
from headpursuit.studies.experiments.sensitivity.config import SensitivityConfig
from headpursuit.studies.experiments.sensitivity.lists import known_words
from headpursuit.studies.experiments.sensitivity.result import Agreement, Draw, Effect
from headpursuit.studies.experiments.sensitivity.variants import Variant
from headpursuit.studies.figures.overlap import overlap
from headpursuit.studies.figures.statistics import bootstrap, spearman
from headpursuit.studies.kernel import part
from headpursuit.studies.kernel.progress import Progress
from headpursuit.studies.results import Estimate

_PART = 12
"""Lists that are ranked together: what all lists share is read once for them, and what is done is kept after them."""

_TOP = 10
"""Of the full list's heads, the best tenth, at least ten, are those whose order is compared apart."""


def n_top(n_heads: int) -> int:
    """The number of the full list's best heads that `spearman_top` is over."""
    return min(n_heads, max(_TOP, math.ceil(n_heads / _TOP)))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Lists ranked from one capture, each compared with the first one."""

    model: LanguageModel
    capture: Capture
    config: SensitivityConfig
    variants: Sequence[Variant]
    suggestions: Suggestions
    edit_heads: int
    """Number of heads that an edit takes."""

    def ranked(self) -> Ranking:
        """The ranking of the first list."""
        return rank_each(self.model, self.capture, [self.variants[0].found], self.config.ranking)[0]

    def draws(self, folder: Path, progress: Progress, ranking: Ranking | None = None) -> list[Draw]:
        """Every list compared, some at a time; each such part is kept, and so is the first ranking, if not given."""
        full = part(folder / "ranking.json", Ranking, lambda: ranking or self.ranked())
        (folder / "draws").mkdir(exist_ok=True)
        draws: list[Draw] = []
        for start in range(0, len(self.variants), _PART):
            some = partial(self.some, full, start, progress)
            draws += part(folder / "draws" / f"{start + 1}.json", tuple[Draw, ...], some)
        return draws

    def some(self, full: Ranking, start: int, progress: Progress) -> tuple[Draw, ...]:
        """Rank `_PART` lists, and compare each with the first one, whose ranking is given."""
        variants = self.variants[start : start + _PART]
        lists, seeds = [variant.found for variant in variants], [variant.seed for variant in variants]

        def advance(done: int, _: int) -> None:
            progress("rankings", start + done, len(self.variants))

        rankings = rank_each(self.model, self.capture, lists, self.config.ranking, seeds=seeds, progress=advance)
        return tuple(
            _draw(variant, other, full, self.edit_heads, self._found_again(variant))
            for variant, other in zip(variants, rankings, strict=True)
        )

    def _found_again(self, variant: Variant) -> float | None:
        """The fraction of the first suggestions for a shortened list that are words it lacks of the full one."""
        if variant.kind != "subsample" or not self.config.suggestions:
            return None
        full, kept = self.variants[0].found, variant.found
        missing = set(full.token_ids) - set(kept.token_ids)
        left_out = len(known_words(full)) - len(known_words(kept))
        words = self.suggestions.words(kept, min(self.config.suggestions, left_out))
        return sum(not missing.isdisjoint(word.token_ids.values()) for word in words) / len(words) if words else None


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


def over_draws(values: Sequence[float], seed: int, *, fraction: bool = True) -> Estimate:
    """Mean over draws with its 95 % interval; of a single draw, which has none, the value itself.

    The interval is `bootstrap`'s over draws: it says how far other draws of the same kind would move the mean.
    """
    if len(values) == 1:
        return Estimate(values[0], values[0], values[0])
    return bootstrap(values, [str(i) for i in range(len(values))], seed, fraction=fraction)
