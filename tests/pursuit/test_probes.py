import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge

from headpursuit.pursuit import cross_validated
from headpursuit.pursuit.probes import RIDGES

N, D, T = 60, 5, 3


def values(seed=0, n_heads=2):
    return torch.randn(N, n_heads, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def noise(seed, scale=1.0):
    return scale * torch.randn(N, T, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


FOLDS = torch.arange(N) % 4


def by_sklearn(z, y, kernel):
    """R² of scikit-learn's kernel ridge, fold by fold, with the best ridge."""
    z, y, scores = z.numpy(), y.numpy(), []
    for ridge in RIDGES:
        wrong = spread = 0.0
        for fold in range(4):
            outside = torch.eq(FOLDS, fold).numpy()
            inside = ~outside
            x = z - z[inside].mean(0)
            x = x / np.sqrt((x[inside] ** 2).sum(1).mean())
            squares = ((x[inside][:, None] - x[inside][None]) ** 2).sum(2)
            pairs = torch.tensor(squares[~np.eye(len(squares), dtype=bool)])
            options = {} if kernel == "linear" else {"gamma": 1 / float(pairs.median())}
            model = KernelRidge(alpha=ridge * inside.sum(), kernel=kernel, **options)
            mean = y[inside].mean(0)
            model.fit(x[inside], y[inside] - mean)
            wrong += ((y[outside] - mean - model.predict(x[outside])) ** 2).sum()
            spread += ((y[outside] - mean) ** 2).sum()
        scores.append(1 - wrong / spread)
    return max(scores)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_scores_are_those_of_scikit_learn(kernel):
    z = values()
    weights = torch.randn(D, T, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    sets = torch.stack([z[:, 0] @ weights + noise(1, 0.5), noise(2)])
    found = cross_validated(z, sets, FOLDS, kernel)
    for s in range(2):
        for head in range(2):
            assert float(found[s, head]) == pytest.approx(by_sklearn(z[:, head], sets[s], kernel), abs=1e-8)
    assert found[0, 0] > 0.5 > 0.2 > found[:, 1].max()


def test_only_the_nonlinear_probe_reads_what_is_no_linear_function():
    z = values(3)
    target = (z[:, 0].square().sum(1, keepdim=True) - D).expand(N, T)[None]
    linear, nonlinear = (float(cross_validated(z, target, FOLDS, kernel)[0, 0]) for kernel in ("linear", "rbf"))
    assert linear < 0.1
    assert nonlinear > 0.3


def test_a_head_that_always_says_the_same_predicts_nothing():
    z = values(4)
    z[:, 1] = 2.5
    for kernel in ("linear", "rbf"):
        found = cross_validated(z, noise(6)[None], FOLDS, kernel)
        assert float(found[0, 1]) == pytest.approx(0, abs=1e-12)


def test_turning_and_scaling_values_changes_nothing():
    z = values(5)
    turn = torch.linalg.qr(torch.randn(D, D, generator=torch.Generator().manual_seed(8), dtype=torch.float64)).Q
    y = (z[:, 0, :T] + noise(9, 0.3))[None]
    for kernel in ("linear", "rbf"):
        torch.testing.assert_close(
            cross_validated(3 * z @ turn + 1, y, FOLDS, kernel), cross_validated(z, y, FOLDS, kernel)
        )
