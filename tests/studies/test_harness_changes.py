import math
from dataclasses import replace

import numpy as np
import pytest

from headpursuit.models import HarnessFigure
from headpursuit.studies.experiments.lm_eval.changes import Change, change_of
from headpursuit.studies.experiments.lm_eval.result import HarnessRow
from headpursuit.studies.experiments.lm_eval.sentences import sentence_of


def mean_figure(scores, **fields):
    scores = tuple(map(float, scores))
    made = HarnessFigure("t", "acc", "none", float(np.mean(scores)), 0.05, True, len(scores))
    return replace(made, items=tuple(range(len(scores))), scores=scores, asked="same", **fields)


def perplexity_figure(scores, weights, value):
    made = HarnessFigure("t", "word_perplexity", "none", value, None, False, len(scores))
    return replace(made, items=tuple(range(len(scores))), scores=tuple(scores), weights=tuple(weights), asked="same")


def test_a_mean_has_the_standard_error_of_paired_differences():
    rng = np.random.default_rng(0)
    before = rng.integers(0, 2, 400)
    after = np.where(rng.random(400) < 0.1, 0, before)
    found = change_of(mean_figure(before), mean_figure(after), 0)
    difference = after - before
    assert found.value == pytest.approx(difference.mean())
    assert found.stderr == pytest.approx(difference.std(ddof=1) / 20, rel=0.1)
    assert found.low < found.value < found.high < 0
    assert found.paired
    assert found == change_of(mean_figure(before), mean_figure(after), 0)
    assert found != change_of(mean_figure(before), mean_figure(after), 1)


def test_a_perplexity_is_resampled_as_one():
    rng = np.random.default_rng(1)
    words = rng.integers(5, 30, 200).astype(float)
    before = -words * rng.normal(3.0, 0.5, 200)
    after = before - 0.2 * words
    figures = [perplexity_figure(s, words, math.exp(-s.sum() / words.sum())) for s in (before, after)]
    found = change_of(*figures, 0)
    # Every item is 0.2 nats a word worse: the change is the base's own uncertainty, times e^0.2 - 1.
    per_word, ratio = -before.sum() / words.sum(), math.exp(0.2) - 1
    error = np.std(-before - per_word * words, ddof=1) / words.mean() / math.sqrt(200)
    assert found.paired
    assert found.value == pytest.approx(math.exp(per_word) * ratio)
    assert found.stderr == pytest.approx(found.value * error, rel=0.1)


def test_bits_are_known_too():
    words = np.full(50, 10.0)
    before = -np.arange(50.0)
    figures = [perplexity_figure(s, words, -s.sum() / 500 / math.log(2)) for s in (before, before - 1)]
    assert change_of(*figures, 0).stderr == pytest.approx(0, abs=1e-12)


def test_other_metrics_are_treated_as_independent():
    base, edit = mean_figure([1, 0, 1, 1]), mean_figure([0, 0, 1, 1])
    found = change_of(replace(base, value=0.9), replace(edit, value=0.4, stderr=0.12), 0)
    assert not found.paired
    assert found.stderr == pytest.approx(0.13)
    assert (found.low, found.high) == pytest.approx((-0.5 - 1.96 * 0.13, -0.5 + 1.96 * 0.13))
    unknown = change_of(replace(base, value=0.9, stderr=None), replace(edit, value=0.4), 0)
    assert (unknown.value, unknown.stderr, unknown.low) == (pytest.approx(-0.5), None, None)
    assert not unknown.harm(True)


def test_items_that_all_stay_leave_room():
    same = mean_figure([1, 0, 1, 1, 0] * 10)
    found = change_of(same, same, 0)
    assert (found.value, found.stderr) == (0, 0)
    assert found.high == -found.low == pytest.approx(1 - 0.025 ** (1 / 50))


def test_other_questions_cannot_be_compared():
    base = mean_figure([1, 0])
    with pytest.raises(ValueError, match="t asked other questions than before"):
        change_of(base, replace(base, asked="other"), 0)


@pytest.mark.parametrize(("lost", "won", "p"), [(4, 0, 0.125), (6, 0, 0.03125), (5, 1, 0.21875), (0, 0, 1), (2, 2, 1)])
def test_few_items_that_moved_are_no_damage(lost, won, p):
    before = mean_figure([1] * lost + [0] * won + [1] * (50 - lost - won))
    after = mean_figure([0] * lost + [1] * won + [1] * (50 - lost - won))
    found = change_of(before, after, 0)
    assert found.p == pytest.approx(p)
    assert found.harm(True) == (lost == 6)
    assert change_of(after, before, 0).gain(True) == (lost == 6)


def test_graded_scores_have_no_sign_test():
    assert change_of(mean_figure([0.5, 1, 0, 1]), mean_figure([0.5, 0, 0, 1]), 0).p is None


def test_intervals_cover():
    rng, held = np.random.default_rng(2), 0
    for seed in range(75):
        before = rng.random(80) < 0.6
        after = before & (rng.random(80) < 0.8)  # the true change is -0.12
        found = change_of(mean_figure(before), mean_figure(after), seed)
        held += found.low <= -0.12 <= found.high
    assert 0.89 <= held / 75 <= 0.99


def row(change, low, high, better=True, controls=(-0.01, 0.03), **fields):
    return HarnessRow(
        **{"task": "t", "metric": "acc", "higher_is_better": better, "n_items": 50}
        | {"base": 0.5, "base_stderr": 0.05, "edit": 0.5 + change, "edit_stderr": 0.05}
        | {"change": Change(change, 0.02, low, high, True), "controls": controls}
        | fields
    )


def test_damage_is_said_in_the_direction_that_is_worse():
    worse = sentence_of([row(-0.2, -0.3, -0.1), row(0.0, -0.04, 0.04, metric="acc_norm")])
    assert worse == (
        "The edit does damage on 1 of 2 figures: acc on t 0.500 to 0.300 (-0.300 to -0.100). Random heads of the same "
        "layers change acc on t by +0.010 (-0.010 to +0.030 in 2 draws)."
    )
    perplexity = sentence_of([row(0.2, 0.1, 0.3, better=False, metric="perplexity", controls=())])
    assert perplexity.startswith("The edit does damage on 1 of 1 figures: perplexity on t 0.500 to 0.700")


def test_no_damage_says_what_stays_possible():
    said = sentence_of([row(-0.02, -0.06, 0.02), row(0.2, 0.1, 0.3, metric="acc_norm", controls=())])
    assert said.startswith("No damage beyond chance was found on any of 2 figures")
    assert "as much as 0.060 of acc on t stays possible (50 items)" in said
    assert "Better, beyond chance: acc_norm on t 0.500 to 0.700" in said


def test_nothing_is_said_without_an_interval():
    assert sentence_of([row(-0.2, None, None)]).startswith("Nothing can be said")
