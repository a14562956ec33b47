import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from headpursuit.pursuit import Dictionary, Moments, Signals, pursue, pursue_nonnegative

N_SAMPLES, D_HEAD, D_MODEL, N_ATOMS = 15, 6, 10, 12


def problem(seed=0, n_heads=3):
    """Heads with correlated atoms, some of them written with negative coefficients."""
    g = torch.Generator().manual_seed(seed)
    mixed = torch.randn(N_SAMPLES, n_heads, D_HEAD, generator=g, dtype=torch.float64)
    write = torch.randn(n_heads, D_HEAD, D_MODEL, generator=g, dtype=torch.float64)
    common = torch.randn(1, D_MODEL, generator=g, dtype=torch.float64)
    return mixed, write, 0.7 * common + torch.randn(N_ATOMS, D_MODEL, generator=g, dtype=torch.float64)


def plain(samples, atoms, n_steps):
    """The algorithm as its module states it, with scipy's NNLS for every sample."""
    h = samples.numpy()
    d = torch.nn.functional.normalize(atoms, dim=1).numpy()
    residual, chosen, explained = h, [], []
    for _ in range(n_steps):
        scores = (np.maximum(residual @ d.T, 0) ** 2).sum(0)
        scores[chosen] = -1
        if scores.max() > 1e-10 * (h**2).sum():
            chosen.append(int(scores.argmax()))
            fitted = np.stack([nnls(d[chosen].T, row)[0] for row in h])
            residual = h - fitted @ d[chosen]
        explained.append(1 - (residual**2).sum() / (h**2).sum())
    return chosen + [-1] * (n_steps - len(chosen)), explained


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_atoms_and_explained_are_those_of_the_plain_algorithm(seed, centre):
    mixed, write, vectors = problem(seed)
    found = pursue_nonnegative(Signals.from_samples(mixed, write, centre=centre), Dictionary.of(vectors), 5)
    for head in range(3):
        samples = mixed[:, head] @ write[head]
        samples = samples - samples.mean(0) if centre else samples
        atoms, explained = plain(samples, vectors, 5)
        assert found.atoms[head].tolist() == atoms
        torch.testing.assert_close(found.explained[head], torch.tensor(explained), atol=1e-8, rtol=1e-6)


def test_what_is_written_with_a_minus_is_not_explained():
    """Two heads on one line: one writes the token, the other its opposite; SOMP cannot tell them apart."""
    token = torch.nn.functional.normalize(torch.randn(1, D_MODEL, generator=torch.Generator().manual_seed(0)), dim=1)
    strength = torch.rand(N_SAMPLES, 2, 1, generator=torch.Generator().manual_seed(1)) + 0.5
    strength[:, 1] *= -1
    signals = Signals.from_samples(strength, token.expand(2, 1, D_MODEL), centre=False)
    dictionary = Dictionary.of(token)
    assert pursue(signals, dictionary, 1).explained[:, 0].tolist() == pytest.approx([1, 1], abs=1e-5)
    found = pursue_nonnegative(signals, dictionary, 1)
    assert found.explained[:, 0].tolist() == pytest.approx([1, 0], abs=1e-5)
    assert found.atoms[:, 0].tolist() == [0, -1]


def test_opposite_atoms_explain_everything_that_one_with_a_sign_would():
    mixed, write, vectors = problem(1, n_heads=1)
    signals = Signals.from_samples(mixed, write)
    both = pursue_nonnegative(signals, Dictionary.of(torch.cat([vectors[:1], -vectors[:1]])), 2)
    one = pursue(signals, Dictionary.of(vectors[:1]), 1)
    torch.testing.assert_close(both.explained[:, 1], one.explained[:, 0])


def test_repetitions_zero_rows_silent_heads_and_more_steps_than_atoms_behave():
    mixed, write, vectors = problem(2)
    mixed[:, 1] = 0
    vectors = torch.cat([vectors[:3], vectors[:3], torch.zeros(1, D_MODEL, dtype=torch.float64)])
    found = pursue_nonnegative(Signals.from_samples(mixed, write, centre=False), Dictionary.of(vectors), 9)
    alone = pursue_nonnegative(Signals.from_samples(mixed, write, centre=False), Dictionary.of(vectors[:3]), 9)
    torch.testing.assert_close(found.explained, alone.explained)
    assert found.atoms.max() <= 2
    assert found.atoms[1].tolist() == [-1] * 9
    assert not found.explained[1].any()
    assert (found.explained.diff(dim=1) >= 0).all()


def test_it_never_explains_more_than_with_signs():
    mixed, write, vectors = problem(3)
    signals = Signals.from_samples(mixed, write)
    bounded = pursue_nonnegative(signals, Dictionary.of(vectors), N_ATOMS).explained[:, -1]
    free = pursue(signals, Dictionary.of(vectors), N_ATOMS).explained[:, -1]
    assert (bounded < free).all()


def test_float32_and_batches_of_heads_change_nothing(monkeypatch):
    mixed, write, vectors = problem(4)
    exact = pursue_nonnegative(Signals.from_samples(mixed, write), Dictionary.of(vectors), 5)
    monkeypatch.setattr("headpursuit.pursuit.nonnegative._ROOM", 1)
    single = pursue_nonnegative(Signals.from_samples(mixed.float(), write.float()), Dictionary.of(vectors.float()), 5)
    assert torch.equal(single.atoms, exact.atoms)
    torch.testing.assert_close(single.explained, exact.explained, atol=1e-4, rtol=1e-3)


def test_what_cannot_be_is_refused():
    mixed, write, vectors = problem()
    moments = Signals.from_moments(Moments.of(mixed), write)
    with pytest.raises(ValueError, match="coefficients have signs sample by sample"):
        pursue_nonnegative(moments, Dictionary.of(vectors), 3)
    signals = Signals.from_samples(mixed, write)
    with pytest.raises(ValueError, match="0 steps with 12 atoms"):
        pursue_nonnegative(signals, Dictionary.of(vectors), 0)
    with pytest.raises(ValueError, match="signals have d_model 10, the dictionary has 9"):
        pursue_nonnegative(signals, Dictionary.of(vectors[:, :9]), 3)
