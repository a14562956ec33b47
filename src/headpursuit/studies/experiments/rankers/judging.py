"""From outcomes to figures: the effect of each ranker's heads within the allowed damage, with paired intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from headpursuit.analysis.rankers import DEFAULT
from headpursuit.heads import Edit, Head
from headpursuit.studies.experiments.rankers.measuring import Orders, Run
from headpursuit.studies.experiments.rankers.oracle import Oracle, about, kind_of, passes, screening_passes
from headpursuit.studies.experiments.rankers.outcomes import Draws, Outcomes
from headpursuit.studies.experiments.rankers.result import (
    Contrast,
    GrownFigure,
    RankedCell,
    RankerFigure,
    RankerRow,
    SharedHeads,
    TaskComparison,
)
from headpursuit.studies.experiments.rankers.sentences import few_questions, of_task
from headpursuit.studies.figures.statistics import widened
from headpursuit.studies.results import Estimate, Grown

CONTRASTS = (
    ("nonlinear-probe", "linear-probe"),
    ("nonnegative", DEFAULT),
    ("gradient-answer", "direct-attribution"),
    ("alignment", "direct-attribution"),
)
"""Pairs that differ in one thing: linearity, signs, what lies behind the head, and the length of what it writes."""

_PRECISION = 10
"""Best heads that are compared with the screen's; fewer of a model with fewer than three times as many."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A task's figures, and what averages over tasks need of them."""

    comparison: TaskComparison
    resampled: dict[str, Draws]
    """By ranker, the mean effect over numbers of heads."""
    n_facts: int
    """Number of facts that are resampled."""


def compare(
    run: Run, orders: Orders, left_out: Mapping[str, str], outcomes: Outcomes, oracle: Oracle | None = None
) -> Judged:
    """Figures of every ranker on one task.

    Args:
        run: The task.
        orders: By ranker, the default first.
        left_out: Rankers that do not suit, and why.
        outcomes: What their edits do, and the oracle's.
        oracle: What others are measured against; None where there is none.
    """
    n_facts = outcomes.n_facts
    counts = run.config.counts(run.model.anatomy.n_heads)
    found = {name: [_most(run, several, count, outcomes) for count in counts] for name, several in orders.items()}
    means = {
        name: _Most(float(np.mean([each.value for each in most])), np.mean([each.drawn for each in most], axis=0))
        for name, most in found.items()
    }
    ceiling = _grown(outcomes, oracle.grown) if oracle else None
    best_alone = oracle.screened["screen"][0] if oracle else ()

    def beyond(one: _Most, other: _Most) -> Estimate:
        return widened(one.value - other.value, one.drawn - other.drawn, n_facts)

    rows = tuple(
        RankerRow(
            name,
            about(name),
            tuple(map(str, orders[name][0][: counts[-1]])),
            tuple(
                RankerFigure(
                    count,
                    widened(most.value, most.drawn, n_facts),
                    None if name == DEFAULT else beyond(most, usual),
                    most.scale,
                    most.n_broken,
                    len(orders[name]),
                )
                for count, most, usual in zip(counts, found[name], found[DEFAULT], strict=True)
            ),
            widened(means[name].value, means[name].drawn, n_facts),
            None if name == DEFAULT else beyond(means[name], means[DEFAULT]),
            _share(max(most.value for most in found[name]), ceiling),
            _precision(orders[name], best_alone),
            screening_passes(oracle.grown) if oracle and name in oracle.screened else run.passes(name),
        )
        for name in orders
    )
    contrasts = tuple(
        Contrast(one, other, beyond(means[one], means[other]))
        for one, other in CONTRASTS
        if one in found and other in found
    )
    cells = _cells(run, orders, outcomes)
    shortlists = tuple(
        replace(figure, among=name, share=_share(figure.effect.value, ceiling))
        for name, grown in (oracle.shortlists if oracle else {}).items()
        for figure in (_grown(outcomes, grown),)
    )
    few = few_questions(outcomes.n_target, outcomes.n_unrelated)
    comparison = TaskComparison(
        task=run.task.name,
        concept=run.concept.name,
        direction=run.task.direction,
        counted=outcomes.counted,
        n_ranking_prompts=len(run.task.ranking_questions),
        n_target=outcomes.n_target,
        n_unrelated=outcomes.n_unrelated,
        base=outcomes.base,
        rows=rows,
        contrasts=contrasts,
        overlap=shared_heads(orders, counts[-1]),
        cells=cells,
        left_out=dict(left_out),
        sentences=(*of_task(rows, contrasts, cells, run.task.direction, outcomes.counted, ceiling, shortlists), *few),
        ceiling=ceiling,
        shortlists=shortlists,
    )
    return Judged(comparison, {name: mean.drawn for name, mean in means.items()}, n_facts)


def _grown(outcomes: Outcomes, grown: Grown) -> GrownFigure:
    """The most that a grown edit does on the questions that did not choose it."""
    by_edit = {finalist.edit: finalist for finalist in grown.finalists}
    edit = outcomes.most(by_edit)
    found = outcomes.of[edit] if edit is not None else None
    nothing = Estimate(0.0, 0.0, 0.0)
    return GrownFigure(
        "",
        grown.n_screened,
        edit,
        widened(found.effect, found.drawn, outcomes.n_facts) if found else nothing,
        None if edit is None else by_edit[edit].promised,
        len(by_edit),
        sum(bool(outcomes.of[each].signs) for each in by_edit),
        passes(grown),
    )


def _share(effect: float, ceiling: GrownFigure | None) -> float | None:
    return effect / ceiling.effect.value if ceiling and ceiling.effect.value > 0 else None


def _precision(several: Sequence[tuple[Head, ...]], screened: Sequence[Head]) -> float | None:
    """Of the best heads, the fraction that are among as many of the screen's; the mean over random orders."""
    if not screened:
        return None
    k = max(1, min(_PRECISION, len(screened) // 3))
    return float(np.mean([len(set(order[:k]) & set(screened[:k])) / k for order in several]))


def shared_heads(orders: Orders, n_heads: int) -> SharedHeads:
    """The shares of their best heads that rankers have in common; random ones are left out."""
    top = {name: set(several[0][:n_heads]) for name, several in orders.items() if kind_of(name) != "random"}
    shared = tuple(tuple(len(one & other) / n_heads for other in top.values()) for one in top.values())
    n_all = len(next(iter(orders.values()))[0])
    return SharedHeads(n_heads, tuple(top), shared, n_heads / n_all)


def places(effects: Mapping[str, float]) -> dict[str, float]:
    """The place of each ranker, 1 for the largest effect; equal ones share the mean of their places."""
    values = {name: round(value, 9) for name, value in effects.items()}
    return {
        name: 1 + sum(other > value for other in values.values()) + (list(values.values()).count(value) - 1) / 2
        for name, value in values.items()
    }


@dataclass(frozen=True, eq=False)
class _Most:
    """The most that a ranker's best heads do without damage."""

    value: float
    drawn: Draws
    """The same in every resample."""
    scale: float | None = None
    n_broken: int = 0
    """Draws of which every scale breaks something."""


def _most(run: Run, several: Sequence[tuple[Head, ...]], count: int, outcomes: Outcomes) -> _Most:
    """One ranker's figure at one number of heads."""
    best: list[Edit | None] = []
    for order in several:
        best.append(outcomes.most([edit for edit in run.edits(order) if len(edit) == count]))
    nothing = np.zeros_like(next(iter(outcomes.of.values())).drawn)
    value = float(np.mean([0.0 if edit is None else outcomes.of[edit].effect for edit in best]))
    drawn = np.mean([nothing if edit is None else outcomes.of[edit].drawn for edit in best], axis=0)
    only = best[0] if len(best) == 1 else None
    return _Most(value, drawn, None if only is None else next(iter(only.values())), best.count(None))


def _cells(run: Run, orders: Orders, outcomes: Outcomes) -> tuple[RankedCell, ...]:
    chosen: dict[Edit, list[str]] = {}
    for name, several in orders.items():
        for order in several:
            for edit in run.edits(order):
                chosen.setdefault(edit, []).append(name)
    return tuple(
        RankedCell(
            tuple(map(str, edit)),
            next(iter(edit.values())),
            found.effect,
            found.signs,
            found.target,
            found.unrelated,
            found.perplexity_ratio,
            tuple(dict.fromkeys(names)),
        )
        for edit, names in chosen.items()
        for found in (outcomes.of[edit],)
    )
