"""Whether p over draws is what it says where the edit is one more random draw; and how much is seen where it is not.

`-m slow -s` measures more and prints the tables of docs/calibration.md.
"""

from sys import stdout

import numpy as np
import pytest

from headpursuit.studies.judging import Controls
from headpursuit.studies.measures import Thresholds

LINES = Thresholds()
BASE, N_FACTS = 0.61, 80
"""Of the demo: the unedited model's score, and the facts that are asked for."""

SHAPES = {
    "normal": lambda rng, spread, size: rng.normal(0, spread, size),
    "skewed": lambda rng, spread, size: rng.exponential(spread, size),
    "outliers": lambda rng, spread, size: np.where(rng.random(size) < 0.1, 0.4, rng.normal(0, spread, size)),
}
"""Falls of the score that random heads cause: symmetric; most small and some large; one in ten far out."""


def beside_draws(rng, n_runs, n_draws, spread, shape="normal", edit=None):
    """Studies in which the edit is one more draw, or has a fall of its own: arms answer the same questions.

    Arms differ in how much they take, facts in how hard they are.
    """
    falls = SHAPES[shape](rng, spread, (n_runs, 1 + n_draws, 1))
    if edit is not None:
        falls[:, 0] = edit
    known = 2 * BASE * rng.beta(2, 2, (n_runs, 1, N_FACTS))
    right = rng.random((n_runs, 1 + n_draws, N_FACTS)) < np.clip(known - falls, 0, 1)
    effects = 1 - right.mean(2) / BASE
    whole = (False,) * n_draws
    return [Controls("matched", edited, tuple(draws), tuple(draws), whole) for edited, *draws in effects.tolist()]


def level(p, n_runs):
    """The level that p is at most, and three standard errors."""
    return p + 3 * (p * (1 - p) / n_runs) ** 0.5


def beyond(found):
    """How often the edit is told from the draws, whatever their share of its effect."""
    return np.mean([not one.alike(Thresholds(control_share=np.inf)) for one in found])


def told(n_runs, n_draws, spread, edit, seed=0):
    """How often an edit is told from both kinds of random heads."""
    rng = np.random.default_rng(seed)
    kinds = [beside_draws(rng, n_runs, n_draws, spread, edit=edit) for _ in range(2)]
    return np.mean([not any(one.alike(LINES) for one in both) for both in zip(*kinds, strict=True)])


@pytest.mark.parametrize("n_draws", [5, 19])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_rank_is_as_likely_where_the_edit_is_one_more_draw(n_draws, shape):
    n_runs = 500
    p = np.array([one.p for one in beside_draws(np.random.default_rng(0), n_runs, n_draws, 0.1, shape)])
    for rank in range(1, n_draws + 2):
        assert np.mean(p <= rank / (n_draws + 1)) <= level(rank / (n_draws + 1), n_runs)
    assert np.mean(p <= 0.5) > 0.3, "a test that never rejects holds every level"


@pytest.mark.parametrize("n_draws", [3, 5, 9])
def test_student_p_holds_its_level_for_normal_draws(n_draws):
    n_runs = 1000
    p = np.array([one.student_p for one in beside_draws(np.random.default_rng(1), n_runs, n_draws, 0.1)])
    assert np.mean(p <= 0.05) <= level(0.05, n_runs)
    assert np.mean(p <= 0.5) > 0.4


@pytest.mark.parametrize("shape", SHAPES)
def test_few_draws_err_no_more_often_than_their_rank(shape):
    n_runs = 500
    found = beside_draws(np.random.default_rng(2), n_runs, 5, 0.1, shape)
    assert beyond(found) <= level(1 / 6, n_runs)


def test_the_demo_sees_an_edit_that_takes_everything():
    assert told(200, 5, 0.09, edit=0.6) > 0.9


@pytest.mark.slow
def test_many_edits_that_are_one_more_draw_are_rarely_told_from_them():
    n_runs, rng = 4000, np.random.default_rng(3)
    for shape in SHAPES:
        for n_draws in (3, 5, 9, 19):
            for spread in (0.05, 0.1, 0.17):
                found = beside_draws(rng, n_runs, n_draws, spread, shape)
                rank, student = (np.mean([p(one) <= 0.05 for one in found]) for p in (rank_of, student_of))
                stdout.write(
                    f"\n{shape:9} {n_draws:2} draws, spread {spread:.2f}: rank {rank:.3f}, Student {student:.3f}, "
                    f"told from them {beyond(found):.3f}"
                )
                assert rank <= level(0.05, n_runs)
                assert beyond(found) <= level(max(0.05, 1 / (1 + n_draws)), n_runs)
                if shape == "normal":
                    assert student <= level(0.05, n_runs) + 0.01  # scores end at 0 and 1


@pytest.mark.slow
def test_power_of_few_and_many_draws():
    for spread in (0.05, 0.09, 0.17):
        for n_draws in (3, 5, 9, 19):
            power = {edit: told(1000, n_draws, spread, edit) for edit in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)}
            line = ", ".join(f"{edit:.1f}: {found:.2f}" for edit, found in power.items())
            stdout.write(f"\nspread {spread:.2f}, {n_draws:2} draws of each kind: {line}")
            assert sorted(power.values()) == pytest.approx(list(power.values()), abs=0.05)


def rank_of(one):
    return one.p


def student_of(one):
    return one.student_p
