"""Whether p and q mean what they say; `-m slow -s` measures more and prints the tables of docs/calibration.md."""

from sys import stdout

import numpy as np
import pytest
import torch
from planted import N_HEADS, N_LAYERS, planted_model, random_prompts, random_words
from scipy.stats import kstest

from headpursuit.analysis import CaptureConfig, RankConfig, Ranking, capture, rank
from headpursuit.pursuit import Dictionary, Scores, Signals, Stack, explained_by, q_values, random_dictionaries

LEVEL = 0.05
N_DRAWS = 29
N_HEADS_IN_ALL = N_LAYERS * N_HEADS


def three_errors(level, n):
    """Three standard errors of a proportion."""
    return 3 * (level * (1 - level) / n) ** 0.5


def planted_ranking(seed, n_planted, null="any"):
    model, concept, planted = planted_model(seed, n_planted)
    captured = capture(model, random_prompts(seed), CaptureConfig("prompt", samples=0))
    return rank(model, captured, concept, RankConfig(n_draws=40, seed=seed, null=null)), planted


def power_and_false(rankings):
    """Of each ranking, the fraction of planted heads that are found, and of found heads that are not planted."""
    power, false = [], []
    for ranking, planted in rankings:
        found = set(ranking.found(LEVEL))
        power.append(len(found & planted) / len(planted))
        false.append(len(found - planted) / max(1, len(found)))
    return np.mean(power), np.mean(false)


@pytest.mark.parametrize("n_planted", [1, 3])
@pytest.mark.parametrize("null", ["any", "matched"])
def test_every_planted_head_is_found_and_few_others(n_planted, null):
    power, false = power_and_false([planted_ranking(seed, n_planted, null) for seed in range(3)])
    assert power == 1
    assert false <= LEVEL + three_errors(LEVEL, 3 * (1 + n_planted))


@pytest.mark.slow
@pytest.mark.parametrize("null", ["any", "matched"])
@pytest.mark.parametrize("n_planted", [1, 3, 6])
def test_every_planted_head_is_found_and_false_ones_stay_below_the_level(n_planted, null):
    power, false = power_and_false([planted_ranking(seed, n_planted, null) for seed in range(100)])
    stdout.write(
        f"\n{n_planted} of {N_HEADS_IN_ALL} heads planted, null {null}: found {power:.3f}, false {false:.3f}\n"
    )
    assert power == 1
    assert false <= LEVEL + three_errors(LEVEL, 100)


def simulated(seed, n_planted, n_draws=24, n_heads=40, n_tokens=6, n_atoms=300):
    """q-values of heads that write random directions, the first of them also the concept's, and half as strong."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(n_atoms, 32, generator=generator)
    rows = torch.randn(n_heads, 8, 32, generator=generator)
    concept = torch.arange(n_tokens)
    rows[:n_planted] = (
        0.3 * rows[:n_planted] + torch.randn(n_planted, 8, n_tokens, generator=generator) @ directions[concept]
    )
    draws = random_dictionaries(n_atoms, n_tokens, concept, n_draws, seed)
    stack = Stack(tuple(Dictionary.of(directions[ids]) for ids in (concept, *draws)), rows)
    explained = explained_by(Signals(rows), stack, n_steps=n_tokens)
    return q_values(Scores(explained[0], explained[1:]))


@pytest.mark.parametrize("n_planted", [0, 3, 12])
def test_the_false_discovery_rate_is_what_was_asked_for(n_planted):
    power, false = [], []
    for seed in range(25):
        found = simulated(seed, n_planted) <= LEVEL
        power.append(found[:n_planted].double().mean().item() if n_planted else 1)
        false.append(found[n_planted:].sum().item() / max(1, found.sum().item()))
    stdout.write(f"\n{n_planted} of 40 heads planted: found {np.mean(power):.3f}, false {np.mean(false):.3f}\n")
    assert np.mean(power) > 0.99
    assert np.mean(false) <= LEVEL + three_errors(LEVEL, 25)


@pytest.fixture(scope="module")
def random_model():
    model, _, _ = planted_model(0, 0)
    return model, capture(model, random_prompts(0), CaptureConfig("prompt", samples=0))


def shuffled_rankings(random_model, n_lists, null, n_draws=N_DRAWS):
    """Rankings for lists of random words; no head is for any of them."""
    generator = torch.Generator().manual_seed(7)
    configs = (RankConfig(n_draws=n_draws, seed=seed, null=null) for seed in range(n_lists))
    return [rank(*random_model, random_words(generator), config) for config in configs]


def spread_out(p, n_draws=N_DRAWS):
    """p takes the values 1 / (1 + n_draws), 2 / (1 + n_draws), ...; within a step every value is as good as another."""
    return p - np.random.default_rng(0).random(p.shape) / (1 + n_draws)


def assert_uniform(rankings):
    p = np.array([[e.p for e in sorted(ranking.entries, key=lambda e: e.head)] for ranking in rankings])
    by_head = [kstest(column, "uniform").pvalue for column in spread_out(p).T]
    stdout.write(f"\n{len(rankings)} shuffled lists: smallest of {len(by_head)} KS p-values {min(by_head):.3f}\n")
    assert min(by_head) > 0.01 / len(by_head)
    any_found = np.mean([bool(ranking.found(LEVEL)) for ranking in rankings])
    stdout.write(f"lists for which a head is found at q <= {LEVEL}: {any_found:.3f}\n")
    assert any_found <= LEVEL + three_errors(LEVEL, len(rankings))


@pytest.mark.parametrize("null", ["any", "matched"])
def test_p_values_of_shuffled_word_lists_are_uniform_for_each_head(random_model, null):
    assert_uniform(shuffled_rankings(random_model, 25, null))


@pytest.mark.slow
@pytest.mark.parametrize("null", ["any", "matched"])
def test_p_values_of_many_shuffled_word_lists_are_uniform_for_each_head(random_model, null):
    assert_uniform(shuffled_rankings(random_model, 1000, null))


def test_two_runs_with_one_seed_write_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        planted_ranking(3, 2)[0].save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert Ranking.load(tmp_path / "one").has_q
