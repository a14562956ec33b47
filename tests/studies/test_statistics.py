import itertools

import numpy as np
import pytest
import scipy.stats
from scipy.stats import kstest

from headpursuit.studies.figures import statistics


def facts(n_facts, n_phrasings=1):
    return [f"fact {i}" for i in range(n_facts) for _ in range(n_phrasings)]


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def bootstrap(scores, names, seed, **options):
    return statistics.bootstrap(np.asarray(scores, dtype=float).tolist(), names, seed, **options)


def permutation_p(edit, controls, names, seed):
    edit, *controls = np.asarray([edit, *controls], dtype=float).tolist()
    return statistics.permutation_p(edit, controls, names, seed)


def width(estimate):
    return estimate.high - estimate.low


def test_the_value_is_the_mean_over_questions():
    assert bootstrap([1, 0, 0, 0], ["a", "b", "b", "b"], 0).value == 0.25


def test_the_same_seed_gives_the_same_interval():
    scores = normal(0, 30)
    assert bootstrap(scores, facts(30), 1) == bootstrap(scores, facts(30), 1)
    assert bootstrap(scores, facts(30), 1) != bootstrap(scores, facts(30), 2)


def test_the_interval_holds_the_value_and_is_the_usual_one_for_many_facts():
    scores = normal(0, 400)
    estimate = bootstrap(scores, facts(400), 0)
    assert estimate.low < estimate.value < estimate.high
    assert width(estimate) == pytest.approx(2 * 1.96 * scores.std() / 20, rel=0.05)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_equal_scores_leave_the_doubt_that_so_few_facts_leave(score):
    estimate = bootstrap([score] * 10, facts(5, 2), 0)
    exact = scipy.stats.binomtest(int(5 * score), 5).proportion_ci(0.95, "exact")
    assert estimate.value == score
    assert (estimate.low, estimate.high) == pytest.approx((exact.low, exact.high))


def test_changes_that_are_all_zero_are_zero():
    estimate = bootstrap([0.0] * 10, facts(5, 2), 0, fraction=False)
    assert (estimate.value, estimate.low, estimate.high) == (0, 0, 0)


@pytest.mark.parametrize(("n_facts", "student"), [(2, 12.706), (5, 2.776), (21, 2.086), (121, 1.980)])
def test_few_facts_widen_the_interval_of_a_figure_by_students_t(n_facts, student):
    drawn = 3 + scipy.stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    found = statistics.widened(3.0, drawn, n_facts)
    reach = student * (n_facts / (n_facts - 1)) ** 0.5
    assert (3 - found.low, found.high - 3) == pytest.approx((reach, reach), rel=1e-3)


def test_the_interval_shrinks_with_facts():
    few, many = (bootstrap(normal(0, n), facts(n), 0) for n in (25, 400))
    assert width(few) == pytest.approx(4 * width(many), rel=0.25)


def test_further_phrasings_of_the_same_facts_add_no_certainty():
    scores = normal(0, 20)
    once = bootstrap(scores, facts(20), 0)
    four_times = bootstrap(np.repeat(scores, 4), facts(20, 4), 0)
    assert (four_times.low, four_times.high) == pytest.approx((once.low, once.high))
    as_if_independent = bootstrap(np.repeat(scores, 4), facts(80), 0)
    assert width(four_times) > 1.7 * width(as_if_independent)


def test_the_order_of_questions_does_not_matter():
    scores, names = normal(0, 20), facts(10, 2)
    order = np.random.default_rng(1).permutation(20)
    shuffled = bootstrap(scores[order], [names[i] for i in order], 0)
    assert shuffled.low == pytest.approx(bootstrap(scores, names, 0).low)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    covered = 0
    for seed in range(200):
        by_fact = normal(seed, 40)
        scores = np.repeat(by_fact, 2) + 0.3 * normal(seed + 1000, 80)
        estimate = bootstrap(scores, facts(40, 2), seed)
        covered += estimate.low <= 0 <= estimate.high
    assert 0.89 <= covered / 200 <= 0.985


def test_p_equals_the_exact_enumeration_of_labels():
    arms = np.array([[0, 1, 0, 2, 0], [1, 0, 1, 3, 1], [0, 1, 1, 2, 1]], dtype=float)
    sums = [sum(arms[a, i] for i, a in enumerate(labels)) for labels in itertools.product(range(3), repeat=5)]
    exact = np.mean(np.array(sums) <= arms[0].sum())
    assert permutation_p(arms[0], arms[1:], facts(5), 0) == pytest.approx(exact, abs=0.02)


def test_p_exchanges_facts_not_questions():
    """Four phrasings of one fact can only move together: two labels out of two, and the observed one is half."""
    edit, control = [0.0] * 4, [1.0] * 4
    assert permutation_p(edit, [control], facts(1, 4), 0) == pytest.approx(1 / 2, abs=0.03)
    assert permutation_p(edit, [control], facts(4), 0) == pytest.approx(1 / 16, abs=0.015)


def test_p_is_uniform_when_the_edit_is_one_more_control():
    def p(seed):
        arms = normal(seed, 4, 15)
        return permutation_p(arms[0], arms[1:], facts(15), seed)

    assert kstest([p(seed) for seed in range(200)], "uniform").pvalue > 0.02


def test_p_is_small_only_if_the_edit_scores_lower():
    controls = (normal(0, 4, 40) > -0.5).astype(float)
    lower = (normal(1, 40) > 1).astype(float)
    assert permutation_p(lower, controls, facts(40), 0) < 0.001
    assert permutation_p(np.ones(40), controls, facts(40), 0) > 0.99


def test_p_is_never_zero_and_repeats_with_its_seed():
    p = permutation_p([0.0] * 60, [[1.0] * 60] * 3, facts(60), 7)
    assert p == 1 / 5001
    scores = normal(0, 3, 20)
    assert permutation_p(scores[0], scores[1:], facts(20), 7) == permutation_p(scores[0], scores[1:], facts(20), 7)


def test_ties_count_as_at_least_as_low():
    assert permutation_p([1.0] * 5, [[1.0] * 5] * 2, facts(5), 0) == 1
