"""Whether intervals hold the truth as often as they say.

`-m slow -s` measures more and prints the table of docs/calibration.md.
"""

from sys import stdout

import numpy as np
import pytest

from headpursuit.studies.figures.statistics import bootstrap

SHARED = 0.5
"""Fraction of facts of which both questions are answered alike."""

RATES = (0.05, 0.1, 0.3, 0.5, 0.7, 0.9)
CHANGES = ((0.7, 0.1), (0.7, 0.5), (0.7, 0.9), (0.3, 0.9), (0.1, 0.5))
"""Rate before, and fraction of the right answers that stay right."""
GAINED = 0.03
"""Fraction of the wrong answers that become right."""


def answers(rng, n_facts, rate, n_questions=2):
    """Right or wrong, of several questions about each fact."""
    right = rng.random((n_facts, n_questions)) < rate
    alike = rng.random(n_facts) < SHARED
    right[alike] = right[alike][:, :1]
    return right.astype(float)


def changes(rng, n_facts, before, kept):
    right = answers(rng, n_facts, before)
    return np.where(right == 1, answers(rng, n_facts, kept), answers(rng, n_facts, GAINED)) - right


def coverage(draw, truth, n_facts, n_runs, *, fraction):
    """How often the interval holds the truth, and how wide it is."""
    facts = [f"fact {i}" for i in range(n_facts) for _ in range(2)]
    rng, found = np.random.default_rng(0), []
    for _ in range(n_runs):
        estimate = bootstrap(draw(rng).ravel().tolist(), facts, 0, fraction=fraction)
        found.append((estimate.low <= truth <= estimate.high, estimate.high - estimate.low))
    return np.mean(found, axis=0)


def of_rate(n_facts, rate, n_runs):
    return coverage(lambda rng: answers(rng, n_facts, rate), rate, n_facts, n_runs, fraction=True)


def of_change(n_facts, before, kept, n_runs):
    truth = before * kept + (1 - before) * GAINED - before
    return coverage(lambda rng: changes(rng, n_facts, before, kept), truth, n_facts, n_runs, fraction=False)


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("n_facts", [40, 80])
def test_the_interval_of_a_rate_holds_it(n_facts, rate):
    held, _ = of_rate(n_facts, rate, 200)
    assert held >= 0.93


@pytest.mark.parametrize(("before", "kept"), [(0.7, 0.5), (0.3, 0.9), (0.1, 0.5)])
def test_the_interval_of_a_change_holds_it(before, kept):
    held, _ = of_change(40, before, kept, 300)
    assert held >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("n_facts", [40, 80])
def test_intervals_hold_the_truth_at_their_level(n_facts):
    table = {f"rate {rate:.2f}": of_rate(n_facts, rate, 2000) for rate in RATES}
    table |= {
        f"change of {b:.1f} by {b * k + (1 - b) * GAINED - b:+.3f}": of_change(n_facts, b, k, 2000) for b, k in CHANGES
    }
    stdout.write(f"\n{n_facts} facts\n")
    for name, (held, width) in table.items():
        stdout.write(f"  {name:24} held {held:.3f}, width {width:.3f}\n")
    assert min(held for held, _ in table.values()) >= 0.91
