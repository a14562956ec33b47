"""From arms to figures: the effect of each ranker's heads within the allowed damage, with paired intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from headpursuit.analysis.rankers import DEFAULT, RANKERS
from headpursuit.heads import Edit
from headpursuit.studies.metrics import is_empty
from headpursuit.studies.rankers.measuring import Orders, Run, ranking_questions
from headpursuit.studies.rankers.result import (
    Contrast,
    Overlap,
    RankedCell,
    RankerFigure,
    RankerRow,
    TaskComparison,
)
from headpursuit.studies.rankers.wording import of_task
from headpursuit.studies.results import Arm, ArmSummary, Estimate
from headpursuit.studies.scoring import metric_of, score
from headpursuit.studies.statistics import resampled_means
from headpursuit.studies.summaries import summarise
from headpursuit.studies.verdict import Thresholds, effect, signs_of_damage

CONTRASTS = (
    ("nonlinear-probe", "linear-probe"),
    ("nonnegative", DEFAULT),
    ("gradient-answer", "direct-attribution"),
)
"""Pairs that differ in one thing: linearity, signs, and what lies behind the head."""

Draws = Float[np.ndarray, " n_resamples"]
"""One figure in every resample of the facts."""


@dataclass(frozen=True)
class Judged:
    """A task's figures, and what averages over tasks need of them."""

    comparison: TaskComparison
    resampled: dict[str, Draws]
    """By ranker, the mean effect over numbers of heads."""


def compare(run: Run, orders: Orders, left_out: Mapping[str, str], base: Arm, arms: Mapping[Edit, Arm]) -> Judged:
    """Figures of every ranker on one task.

    Raises:
        ValueError: If the task is not about suppressing answers, or the unedited model leaves nothing to suppress.
    """
    if run.task.direction != "suppress" or not metric_of(run.task).fraction:
        raise ValueError(f"rankers are compared by suppressing answers, which {run.task.name} does not measure")
    before, *after = summarise(run.task, run.concept, [base, *arms.values()], run.config.seed, run.questions)
    _check_base(run, before)
    summaries = dict(zip(arms, after, strict=True))
    effects = _effects(run, base, arms)
    whole = {edit: not signs_of_damage(before, summary) for edit, summary in summaries.items()}
    counts = run.config.counts(run.model.anatomy.n_heads)
    found = {
        name: _figures(run, several, counts, summaries, before, whole, effects) for name, several in orders.items()
    }
    means = {name: np.mean([figure[1] for figure in figures], axis=0) for name, figures in found.items()}
    rows = tuple(_row(name, orders[name][0], found, means, counts) for name in orders)
    contrasts = tuple(
        Contrast(one, other, _estimate(_value(found[one]) - _value(found[other]), means[one] - means[other]))
        for one, other in CONTRASTS
        if one in found and other in found
    )
    overlap, cells = overlap_of(orders, counts[-1]), _cells(run, orders, before, summaries)
    groups = [q.group for q in run.questions]
    return Judged(
        TaskComparison(
            run.task.name,
            run.concept.name,
            len(ranking_questions(run.task)),
            groups.count("target"),
            groups.count("unrelated"),
            before.target.score,
            rows,
            contrasts,
            overlap,
            cells,
            dict(left_out),
            of_task(rows, contrasts, cells),
        ),
        means,
    )


def overlap_of(orders: Orders, n_heads: int) -> Overlap:
    """How much of their best heads rankers share; random ones are left out."""
    top = {name: set(several[0][:n_heads]) for name, several in orders.items() if RANKERS[name].kind != "random"}
    shared = tuple(tuple(len(one & other) / n_heads for other in top.values()) for one in top.values())
    n_all = len(next(iter(orders.values()))[0])
    return Overlap(n_heads, tuple(top), shared, n_heads / n_all)


def places(effects: Mapping[str, float]) -> dict[str, float]:
    """The place of each ranker, 1 for the largest effect; equal ones share the mean of their places."""
    values = {name: round(value, 9) for name, value in effects.items()}
    return {
        name: 1 + sum(other > value for other in values.values()) + (list(values.values()).count(value) - 1) / 2
        for name, value in values.items()
    }


def _check_base(run: Run, base: ArmSummary) -> None:
    score, n = base.target.score.value, base.target.n_questions
    if score < Thresholds.weakest_base:
        raise ValueError(
            f"base answers {round(score * n)} of {n} questions of {run.task.name}: nothing to suppress, so rankers "
            "cannot be compared on it; ask what the model knows"
        )


_Figure = tuple[float, Draws, float | None, int, int]
"""Effect, the same in every resample, best scale, draws of which every scale breaks something, draws."""


def _figures(
    run: Run,
    several: Sequence[tuple],
    counts: Sequence[int],
    summaries: Mapping[Edit, ArmSummary],
    base: ArmSummary,
    whole: Mapping[Edit, bool],
    effects: Mapping[Edit, Draws],
) -> list[_Figure]:
    """One ranker's figures, few heads first."""
    found = []
    for count in counts:
        best: list[Edit | None] = []
        for order in several:
            fit = [edit for edit in run.edits(order) if len(edit) == count and whole[edit]]
            best.append(max(fit, key=lambda edit: effect(base, summaries[edit]), default=None))
        nothing = np.zeros_like(next(iter(effects.values())))
        value = float(np.mean([0.0 if edit is None else effect(base, summaries[edit]) for edit in best]))
        drawn = np.mean([nothing if edit is None else effects[edit] for edit in best], axis=0)
        only = best[0] if len(best) == 1 else None
        scale = None if only is None else next(iter(only.values()))
        found.append((value, drawn, scale, best.count(None), len(best)))
    return found


def _row(
    name: str,
    order: tuple,
    found: Mapping[str, list[_Figure]],
    means: Mapping[str, Draws],
    counts: Sequence[int],
) -> RankerRow:
    figures = []
    for count, (value, drawn, scale, broken, n_draws), (usual, beside, *_) in zip(
        counts, found[name], found[DEFAULT], strict=True
    ):
        better = None if name == DEFAULT else _estimate(value - usual, drawn - beside)
        figures.append(RankerFigure(count, _estimate(value, drawn), better, scale, broken, n_draws))
    mean, usual = _value(found[name]), _value(found[DEFAULT])
    better = None if name == DEFAULT else _estimate(mean - usual, means[name] - means[DEFAULT])
    top = tuple(str(head) for head in order[: counts[-1]])
    return RankerRow(name, RANKERS[name].what, top, tuple(figures), _estimate(mean, means[name]), better)


def _value(figures: Sequence[_Figure]) -> float:
    return float(np.mean([value for value, *_ in figures]))


def _estimate(value: float, drawn: Draws) -> Estimate:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def _effects(run: Run, base: Arm, arms: Mapping[Edit, Arm]) -> dict[Edit, Draws]:
    """`effect` of every arm in every resample of the target questions' facts."""
    chosen = [i for i, q in enumerate(run.questions) if q.group == "target"]
    asked = [run.questions[i] for i in chosen]

    def scored(arm: Arm) -> list[list[float]]:
        answers = [arm.answers[i] for i in chosen]
        return [score(run.task, run.concept, asked, answers), [float(is_empty(text)) for text in answers]]

    rows = [row for arm in (base, *arms.values()) for row in scored(arm)]
    means = resampled_means(np.asarray(rows), [q.fact for q in asked], run.config.seed)
    before, silent = means[:, 0], means[:, 1]
    found = {}
    for number, edit in enumerate(arms, start=1):
        left = means[:, 2 * number] + np.maximum(0, means[:, 2 * number + 1] - silent)
        found[edit] = 1 - np.divide(left, before, out=np.ones_like(left), where=before > 0)
    return found


def _cells(run: Run, orders: Orders, base: ArmSummary, summaries: Mapping[Edit, ArmSummary]) -> tuple[RankedCell, ...]:
    chosen: dict[Edit, list[str]] = {}
    for name, several in orders.items():
        for order in several:
            for edit in run.edits(order):
                chosen.setdefault(edit, []).append(name)
    return tuple(
        RankedCell(
            arm.heads,
            next(iter(edit.values())),
            effect(base, arm),
            tuple(signs_of_damage(base, arm)),
            arm.target.score.value,
            arm.unrelated.score.value if arm.unrelated else None,
            arm.damage.perplexity / base.damage.perplexity,
            tuple(dict.fromkeys(chosen[edit])),
        )
        for edit, arm in summaries.items()
    )
