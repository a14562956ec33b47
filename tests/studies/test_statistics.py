import numpy as np
import pytest
import scipy.stats

from headpursuit.studies.figures import statistics


def facts(n_facts, n_phrasings=1):
    return [f"fact {i}" for i in range(n_facts) for _ in range(n_phrasings)]


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def bootstrap(scores, names, seed, **options):
    return statistics.bootstrap(np.asarray(scores, dtype=float).tolist(), names, seed, **options)


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
    for seed in range(100):
        by_fact = normal(seed, 40)
        scores = np.repeat(by_fact, 2) + 0.3 * normal(seed + 1000, 80)
        estimate = bootstrap(scores, facts(40, 2), seed)
        covered += estimate.low <= 0 <= estimate.high
    assert 0.89 <= covered / 100 <= 0.985
