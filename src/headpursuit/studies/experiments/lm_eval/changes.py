"""Changes of figures under an edit: base and edit answer the same items, so items are resampled in pairs.

A figure is read off two sums over items, of scores and of weights: a mean is their quotient q, a perplexity exp(-q),
bits -q / ln 2. Which of them a metric is, is found out from its value. Other metrics are not resampled; their change
has the standard error of two independent figures, which is usually too wide. Where items are right or wrong and few of
them move, resampled intervals are too narrow, so an exact test of the items that moved has to agree.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import binomtest

from headpursuit.models import HarnessFigure

_RESAMPLES, _AT_ONCE = 2_000, 100
_LEVEL = 0.05

_Form = Callable[[Float[np.ndarray, "..."]], Float[np.ndarray, "..."]]
_FORMS: tuple[_Form, ...] = (lambda q: q, lambda q: np.exp(-q), lambda q: -q / math.log(2))


@dataclass(frozen=True)
class Change:
    """A figure under an edit, minus the same figure without."""

    value: float
    stderr: float | None
    """Standard error; None where lm-eval gives none of the figure."""
    low: float | None
    """Its 95 % interval."""
    high: float | None
    paired: bool
    """True if items were resampled in pairs; else the figures are treated as independent."""
    p: float | None = None
    """The exact sign test (McNemar's) of items that moved, two-sided, where items are right or wrong."""

    def harm(self, higher_is_better: bool | None) -> bool:
        """True if the figure became worse beyond chance: its whole interval, and p below 0.05 where there is one."""
        if self.low is None or self.high is None or higher_is_better is None or (self.p or 0) >= _LEVEL:
            return False
        return self.high < 0 if higher_is_better else self.low > 0

    def gain(self, higher_is_better: bool | None) -> bool:
        """True if the figure became better beyond chance."""
        return self.harm(None if higher_is_better is None else not higher_is_better)


def change_of(base: HarnessFigure, edit: HarnessFigure, seed: int) -> Change:
    """The change from base to edit, with its standard error and interval.

    Args:
        base: The figure without the edit.
        edit: The same metric of the same task under it.
        seed: Same seed, same interval.

    Raises:
        ValueError: If the two are not about the same prompts.
    """
    if base.asked != edit.asked:
        raise ValueError(
            f"{base.task} asked other questions than before; its data or its random examples changed, so that the "
            "answers cannot be compared; choose another output"
        )
    value = edit.value - base.value
    form = _form_of(base, edit)
    if form is None:
        if base.stderr is None or edit.stderr is None:
            return Change(value, None, None, None, False)
        error = math.hypot(base.stderr, edit.stderr)
        return Change(value, error, value - 1.96 * error, value + 1.96 * error, False)
    draws = _resampled(form, base, edit, seed)
    low, high = np.percentile(draws, [2.5, 97.5])
    if form is _FORMS[0] and base.scores == edit.scores and _within_one(base):
        # Resampling cannot see beyond items that all stayed: the exact limit for the fraction of items that move.
        high = 1 - 0.025 ** (1 / len(base.scores))
        low = -high
    return Change(value, float(draws.std(ddof=1)), float(low), float(high), True, _sign_test(base, edit))


def _form_of(base: HarnessFigure, edit: HarnessFigure) -> _Form | None:
    """The form that makes both figures of their scores; None if no known one does."""
    if len(base.scores) < 2 or base.items != edit.items:
        return None
    for form in _FORMS:
        made = [form(np.asarray(sum(f.scores) / sum(_weights(f)))) for f in (base, edit)]
        if np.allclose(made, [base.value, edit.value], rtol=1e-6, atol=1e-9):
            return form
    return None


def _resampled(form: _Form, base: HarnessFigure, edit: HarnessFigure, seed: int) -> Float[np.ndarray, " n_resamples"]:
    scores, weights = np.array([base.scores, edit.scores]).T, np.array([_weights(base), _weights(edit)]).T
    rng, n_items, draws = np.random.default_rng(seed), len(base.scores), []
    for _ in range(_RESAMPLES // _AT_ONCE):  # a task can have ten thousand items
        counts = rng.multinomial(n_items, np.full(n_items, 1 / n_items), size=_AT_ONCE)
        before, after = form((counts @ scores) / (counts @ weights)).T
        draws.append(after - before)
    return np.concatenate(draws)


def _sign_test(base: HarnessFigure, edit: HarnessFigure) -> float | None:
    """Could as many of the items that moved have moved one way, if both ways are as likely?"""
    if base.weights or not {*base.scores, *edit.scores} <= {0, 1}:
        return None
    lost = sum(before > after for before, after in zip(base.scores, edit.scores, strict=True))
    won = sum(before < after for before, after in zip(base.scores, edit.scores, strict=True))
    moved = lost + won
    return float(binomtest(lost, moved).pvalue) if moved else 1.0


def _weights(figure: HarnessFigure) -> tuple[float, ...]:
    return figure.weights or (1.0,) * len(figure.scores)


def _within_one(figure: HarnessFigure) -> bool:
    return not figure.weights and all(0 <= score <= 1 for score in figure.scores)
