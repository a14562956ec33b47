import random

import pytest
from scipy import stats

from headpursuit.studies.experiments.sensitivity.comparing import over_draws
from headpursuit.studies.experiments.sensitivity.sentences import stable_from
from headpursuit.studies.figures.overlap import overlap
from headpursuit.studies.figures.statistics import spearman


def test_overlap_counts_what_both_have_first():
    assert overlap("abcd", "badc", 2) == 1
    assert overlap("abcd", "cdab", 2) == 0
    assert overlap("abcd", "acbd", 2) == 0.5


@pytest.mark.parametrize("ties", [1000, 4])
def test_spearman_is_scipys(ties):
    rng = random.Random(ties)
    x, y = ([float(rng.randrange(ties)) for _ in range(40)] for _ in range(2))
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert spearman(x, [-v for v in x]) == pytest.approx(-1)


def test_constant_scores_agree_with_nothing():
    assert spearman([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) == 0


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ({0.1: 0.9, 0.5: 0.9, 0.9: 1.0}, 0.1),
        ({0.1: 0.9, 0.5: 0.7, 0.9: 1.0}, 0.9),
        ({0.9: 0.8, 0.5: 0.8, 0.1: 0.2}, 0.5),
        ({0.1: 1.0, 0.5: 1.0, 0.9: 0.79}, None),
    ],
)
def test_stable_is_what_stays_above_the_line_up_to_the_whole_list(means, expected):
    assert stable_from(list(means.items()), 0.8) == expected


def test_one_draw_has_no_interval_and_several_have_one_around_their_mean():
    assert (over_draws([0.4], 0).low, over_draws([0.4], 0).high) == (0.4, 0.4)
    several = over_draws([0.2, 0.4, 0.9, 0.5], 0)
    assert several.low < several.value == 0.5 < several.high
    assert over_draws([0.2, 0.4, 0.9, 0.5], 0) == several
