"""The one judge decides of answers what the rules written out plainly say, on whatever figures without silence."""

from dataclasses import replace

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from plain_judge import breakage, broken, damage, effect, fell_apart, order, outcome, signs, word

from headpursuit.studies import judging
from headpursuit.studies.judging import doses, sentences
from headpursuit.studies.measures import AnswerMeasure
from headpursuit.studies.results import ArmSummary, Damage, Estimate, GroupSummary
from headpursuit.studies.text.scoring import METRICS

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # type checks of lists do

RATES = st.one_of(st.floats(0.01, 1), st.sampled_from([0.0, 0.05, 0.1, 0.5, 0.95, 1.0]))
SOME = st.one_of(st.just(0.0), st.just(0.0), st.just(0.0), st.just(0.0), st.floats(0, 0.2), st.floats(0, 1))


@st.composite
def groups(draw, base, far):
    """A group's figures; those of an edited arm are often near the base's."""
    near = st.floats(-0.05, 0.05).map(lambda step: min(1.0, max(0.0, base + step)))
    score = draw(RATES if base is None else RATES if far else st.one_of(near, near, near, RATES))
    change = None
    if base is not None:
        width = st.one_of(st.floats(0, 0.01), st.floats(0, 0.1), st.floats(0, 0.6))
        low, high = draw(width), draw(width)
        change = Estimate(score - base, score - base - low, score - base + high)
    rate = draw(RATES)
    plain = Estimate(score, score, score)
    return GroupSummary(
        draw(st.integers(5, 90)), plain, plain, plain, Estimate(rate, rate, rate), draw(SOME), draw(SOME), change
    )


@st.composite
def arms_of(draw, kind, base, unrelated, scale):
    heads = () if kind == "base" else tuple(f"L1H{i}" for i in range(draw(st.integers(1, 4))))
    before = (None, None) if base is None else (base.target.score.value, base.unrelated and base.unrelated.score.value)
    perplexity = draw(st.one_of(st.floats(9, 12), st.floats(9, 12), st.floats(9, 80), st.just(float("nan"))))
    return ArmSummary(
        kind,
        kind,
        heads,
        None if kind == "base" else scale,
        draw(groups(before[0], kind == "edit")),
        draw(groups(before[1], False)) if unrelated else None,
        Damage(10.0 if kind == "base" else perplexity, draw(st.floats(0, 1))),
        7,
    )


@st.composite
def studies(draw):
    direction = draw(st.sampled_from(["suppress", "enhance"]))
    metric = draw(st.sampled_from(sorted(METRICS)))
    unrelated = draw(st.booleans())
    scale = draw(st.sampled_from([-1.0, -2.0, 0.0] if direction == "suppress" else [2.0, 3.0]))
    if draw(st.integers(0, 9)) == 0:
        scale = 1 - scale  # the wrong side
    base = draw(arms_of("base", None, unrelated, scale))
    edit, other = (draw(arms_of(kind, base, unrelated, scale)) for kind in ("edit", "other"))
    kinds = ["matched"] * draw(st.sampled_from([1, 3, 3, 4, 20])) + ["random"] * draw(st.sampled_from([2, 3, 3, 5, 19]))
    controls = [draw(arms_of(kind, base, unrelated, scale)) for kind in kinds]
    if draw(st.booleans()):  # one draw goes as far as the edit, and breaks the model or not
        place, damage = draw(st.integers(0, len(kinds) - 1)), draw(st.sampled_from([edit.damage, Damage(90.0, 1.0)]))
        controls[place] = replace(controls[place], target=edit.target, damage=damage)
    arms = [base, edit, *controls, other]
    return AnswerMeasure(METRICS[metric], direction), arms


@examples(15)
@given(studies())
def test_outcomes_are_those_of_the_rules_written_out(given_study):
    measure, arms = given_study
    found = judging.decide(measure, arms)
    assert found.outcome == outcome(arms, measure.direction, measure.metric.fraction)
    assert found.effect == effect(arms[0], arms[1], measure.direction)
    told = judging.verdict_of(found)
    assert told.outcome == found.outcome
    for controls, beside in zip(found.controls, told.beside, strict=True):
        drawn = [arm for arm in arms if arm.kind == controls.kind]
        assert controls.broken == tuple(bool(signs(arms[0], arm)) for arm in drawn)
        rank = (1 + beside.n_as_strong) / (1 + len(drawn))
        assert (beside.n_draws, beside.p) == (len(drawn), rank)
        assert any(
            f", {beside.n_as_strong} as far as the edit: p = {rank:.2g} over draws" in line for line in told.reasons
        )


@examples(15)
@given(studies())
def test_doses_are_those_of_the_rules_written_out(given_study):
    measure, (base, *arms), *_ = given_study
    cells = [doses.cell_of(measure, base, arm) for arm in arms]
    for arm, cell in zip(arms, cells, strict=True):
        assert (cell.word, cell.signs) == (word(base, arm, measure.direction), signs(base, arm))
        assert cell.effect == effect(base, arm, measure.direction)
        assert cell.damage == pytest.approx(damage(base, arm))
        assert doses.fell_apart(measure, base, arm) == fell_apart(base, arm)
        assert [found.ratio for found in measure.breakage(base, arm)] == [ratio for ratio, _ in breakage(base, arm)]
        if cell.signs:
            assert sentences.signs_of(measure.breaks(base, arm)) == cell.signs
            assert cell.word == broken(cell.signs, measure.direction)
    best = doses.by_preference(measure, base, cells)
    assert [cell.arm for cell in best] == sorted(arms, key=lambda arm: order(base, arm, measure.direction))
