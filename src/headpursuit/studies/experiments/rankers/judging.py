"""From arms to figures: the effect of each ranker's heads within the allowed damage, with paired intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from headpursuit.analysis.rankers import DEFAULT, RANKERS
from headpursuit.heads import Edit, Head
from headpursuit.studies.experiments.rankers.measuring import Orders, Run
from headpursuit.studies.experiments.rankers.result import (
    Contrast,
    RankedCell,
    RankerFigure,
    RankerRow,
    SharedHeads,
    TaskComparison,
)
from headpursuit.studies.experiments.rankers.sentences import of_task
from headpursuit.studies.figures.statistics import resampled_means, widened
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.judging import check_base, sentences
from headpursuit.studies.measures import AnswerMeasure, answer_measure, counted, effects
from headpursuit.studies.results import Arm, ArmSummary, Estimate
from headpursuit.studies.tasks import accepted_answers
from headpursuit.studies.text.scoring import score

CONTRASTS = (
    ("nonlinear-probe", "linear-probe"),
    ("nonnegative", DEFAULT),
    ("gradient-answer", "direct-attribution"),
    ("alignment", "direct-attribution"),
)
"""Pairs that differ in one thing: linearity, signs, what lies behind the head, and the length of what it writes."""

Draws = Float[np.ndarray, " n_resamples"]
"""One figure in every resample of the facts."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A task's figures, and what averages over tasks need of them."""

    comparison: TaskComparison
    resampled: dict[str, Draws]
    """By ranker, the mean effect over numbers of heads."""
    n_facts: int
    """Number of facts that are resampled."""


def compare(run: Run, orders: Orders, left_out: Mapping[str, str], base: Arm, arms: Mapping[Edit, Arm]) -> Judged:
    """Figures of every ranker on one task.

    Raises:
        ValueError: If the unedited model leaves nothing to suppress.
    """
    before, *after = summarise(run.task, run.concept, [base, *arms.values()], run.config.seed, run.questions)
    measure = answer_measure(run.task, run.study)
    check_base(before, measure)
    summaries = dict(zip(arms, after, strict=True))
    in_resamples = _effects(run, base, arms)
    reached = {edit: measure.effect(before, arm) for edit, arm in summaries.items() if not measure.breaks(before, arm)}
    n_facts = len({q.fact for q in run.questions if q.group == "target"})
    counts = run.config.counts(run.model.anatomy.n_heads)
    found = {
        name: [_most(run, several, count, reached, in_resamples) for count in counts]
        for name, several in orders.items()
    }
    means = {
        name: _Most(float(np.mean([each.value for each in most])), np.mean([each.drawn for each in most], axis=0))
        for name, most in found.items()
    }

    def beyond(one: _Most, other: _Most) -> Estimate:
        return widened(one.value - other.value, one.drawn - other.drawn, n_facts)

    rows = tuple(
        RankerRow(
            name,
            RANKERS[name].what,
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
        )
        for name in orders
    )
    contrasts = tuple(
        Contrast(one, other, beyond(means[one], means[other]))
        for one, other in CONTRASTS
        if one in found and other in found
    )
    cells = _cells(run, orders, before, summaries, measure)
    groups = [q.group for q in run.questions]
    few = sentences.few_questions(measure, before)
    comparison = TaskComparison(
        task=run.task.name,
        concept=run.concept.name,
        direction=measure.direction,
        counted=measure.metric.counted,
        n_ranking_prompts=len(run.task.ranking_questions),
        n_target=groups.count("target"),
        n_unrelated=groups.count("unrelated"),
        base=before.target.score,
        rows=rows,
        contrasts=contrasts,
        overlap=shared_heads(orders, counts[-1]),
        cells=cells,
        left_out=dict(left_out),
        sentences=(*of_task(rows, contrasts, cells, measure), *few),
    )
    return Judged(comparison, {name: mean.drawn for name, mean in means.items()}, n_facts)


def shared_heads(orders: Orders, n_heads: int) -> SharedHeads:
    """The shares of their best heads that rankers have in common; random ones are left out."""
    top = {name: set(several[0][:n_heads]) for name, several in orders.items() if RANKERS[name].kind != "random"}
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


def _most(
    run: Run,
    several: Sequence[tuple[Head, ...]],
    count: int,
    reached: Mapping[Edit, float],
    effects: Mapping[Edit, Draws],
) -> _Most:
    """One ranker's figure at one number of heads; `reached` holds the edits that break nothing."""
    best: list[Edit | None] = []
    for order in several:
        fit = [edit for edit in run.edits(order) if len(edit) == count and edit in reached]
        best.append(max(fit, key=lambda edit: reached[edit], default=None))
    nothing = np.zeros_like(next(iter(effects.values())))
    value = float(np.mean([0.0 if edit is None else reached[edit] for edit in best]))
    drawn = np.mean([nothing if edit is None else effects[edit] for edit in best], axis=0)
    only = best[0] if len(best) == 1 else None
    return _Most(value, drawn, None if only is None else next(iter(only.values())), best.count(None))


def _effects(run: Run, base: Arm, arms: Mapping[Edit, Arm]) -> dict[Edit, Draws]:
    """`effect` of every arm in every resample of the target questions' facts."""
    chosen = [i for i, q in enumerate(run.questions) if q.group == "target"]
    questions = [run.questions[i] for i in chosen]
    accepted = accepted_answers(questions)

    def scored(arm: Arm) -> tuple[list[float], list[str]]:
        answers = [arm.answers[i] for i in chosen]
        return score(run.task, run.concept, questions, answers), answers

    before, _ = scored(base)
    rows = [before, *(counted(*scored(arm), before, run.task.direction, accepted) for arm in arms.values())]
    means = resampled_means(np.asarray(rows), [q.fact for q in questions], run.config.seed)
    return {
        edit: np.asarray(effects(means[:, 0], means[:, number], run.task.direction))
        for number, edit in enumerate(arms, start=1)
    }


def _cells(
    run: Run, orders: Orders, base: ArmSummary, summaries: Mapping[Edit, ArmSummary], measure: AnswerMeasure
) -> tuple[RankedCell, ...]:
    chosen: dict[Edit, list[str]] = {}
    for name, several in orders.items():
        for order in several:
            for edit in run.edits(order):
                chosen.setdefault(edit, []).append(name)
    return tuple(
        RankedCell(
            arm.heads,
            next(iter(edit.values())),
            measure.effect(base, arm),
            sentences.signs_of(measure.breaks(base, arm)),
            arm.target.score.value,
            arm.unrelated.score.value if arm.unrelated else None,
            arm.damage.perplexity / base.damage.perplexity,
            tuple(dict.fromkeys(chosen[edit])),
        )
        for edit, arm in summaries.items()
    )
