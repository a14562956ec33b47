import numpy as np
import pytest
import torch

from headpursuit.pursuit import Scores, benjamini_hochberg, q_values


def random(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def scores(n_draws=19, n_heads=40, seed=0, level=None):
    values = random(1 + n_draws, n_heads, seed=seed)
    return Scores(values[0], values[1:])


def stepped_up(p):
    """Of every p-value the smallest p n / rank, of this and all larger ones."""
    return [min(1.0, *(other * len(p) / sum(q <= other for q in p) for other in p if other >= one)) for one in p]


def test_p_counts_the_draws_that_reach_the_concept():
    found = Scores(torch.tensor([0.5, 0.9, 0.1]), torch.tensor([[0.5, 0.1, 0.2], [0.4, 0.2, 0.3], [0.6, 0.3, 0.4]]))
    assert found.p.tolist() == [3 / 4, 1 / 4, 1]


@pytest.mark.parametrize("seed", range(5))
def test_the_step_up_procedure_is_the_plain_one(seed):
    p = (random(30, seed=seed) ** 3).round(decimals=2).float()
    assert len(p.unique()) < len(p), "some are equal"
    found = benjamini_hochberg(p)
    assert found.dtype == p.dtype
    np.testing.assert_allclose(found, stepped_up(p.tolist()), rtol=1e-6)


def test_q_is_the_pooled_p_value_stepped_up():
    found = scores()
    whole = torch.cat([found.explained[None], found.null])
    standing = (whole - whole.mean(0)) / whole.std(0)
    pooled = [(1 + (standing[1:] >= one).sum().item()) / (1 + standing[1:].numel()) for one in standing[0]]
    np.testing.assert_allclose(q_values(found), stepped_up(pooled), rtol=1e-12)


def test_level_and_spread_of_a_head_do_not_matter():
    found = scores()
    level, spread = random(40, seed=1), 0.01 + random(40, seed=2)
    moved = Scores(level + spread * found.explained, level + spread * found.null)
    torch.testing.assert_close(q_values(moved), q_values(found))


def test_one_head_far_beyond_its_draws_is_found_with_twenty_of_them():
    found = scores(20, 270)
    found.explained[7] += 10
    assert (q_values(found) <= 0.05).nonzero().flatten().tolist() == [7]


@pytest.mark.parametrize("noise", [0.0, 1e-8])
def test_heads_that_everything_explains_equally_are_never_found(noise):
    found = scores(99)
    for column in (3, 5):
        found.null[:, column], found.explained[column] = 0.5, 0.5 + noise
    q = q_values(found)
    assert q.isfinite().all()
    assert (q[[3, 5]] > 0.5).all()
