from itertools import product

import pytest
import torch
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from oracle import plain_somp
from sklearn.linear_model import orthogonal_mp

from headpursuit.pursuit import Dictionary, Moments, Signals, pursue, pursue_each

RULES = ("l1", "l2", "forward")
TILES = (None, 7)
"""Small dictionaries are solved together; a tile width asks for the form that large ones take."""


def problem(seed, n_heads=3, n_samples=30, d_head=6, d_model=20, n_atoms=50, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    mixed = torch.randn(n_samples, n_heads, d_head, generator=g, dtype=dtype)
    mixed = mixed * torch.rand(n_heads, d_head, generator=g, dtype=dtype)
    write = torch.randn(n_heads, d_head, d_model, generator=g, dtype=dtype)
    dictionary = torch.randn(n_atoms, d_model, generator=g, dtype=dtype)
    return mixed, write, dictionary


def solve(mixed, write, dictionary, n_steps, rule, *, centre=False, **options):
    signals = Signals.from_samples(mixed, write, centre=centre)
    return pursue(signals, Dictionary.of(dictionary), n_steps, rule=rule, **options)


def assert_equals_oracle(mixed, write, dictionary, n_steps, rule, tolerance=1e-9, **options):
    result = solve(mixed, write, dictionary, n_steps, rule, **options)
    for head in range(mixed.shape[1]):
        atoms, explained = plain_somp(mixed[:, head] @ write[head], dictionary, n_steps, rule)
        assert result.atoms[head].tolist() == atoms
        torch.testing.assert_close(
            result.explained[head], torch.tensor(explained, dtype=torch.float64), atol=tolerance, rtol=0
        )


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("rule", RULES)
@examples(10)
@given(
    seed=st.integers(0, 10**6),
    n_samples=st.integers(1, 40),
    d_head=st.integers(1, 8),
    n_atoms=st.integers(1, 60),
    n_steps=st.integers(1, 12),
)
def test_equals_the_plain_algorithm(rule, tile, seed, n_samples, d_head, n_atoms, n_steps):
    data = problem(seed, n_samples=n_samples, d_head=d_head, n_atoms=n_atoms)
    assert_equals_oracle(*data, n_steps, rule, tile=tile)


@pytest.mark.parametrize("d_head", [6, 16])
@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("rule", RULES)
@examples(6)
@given(seed=st.integers(0, 10**6))
def test_equals_the_plain_algorithm_with_ties_duplicates_and_zero_atoms(rule, tile, d_head, seed):
    mixed, write, dictionary = problem(seed, n_atoms=30, d_head=d_head)
    dictionary[7] = dictionary[2]  # a duplicate
    dictionary[9] = -3 * dictionary[4]  # the same direction, another length
    dictionary[11] = 0  # a zero row
    dictionary[13] = dictionary[1] + dictionary[3]  # dependent once both are chosen
    dictionary[15:28] = dictionary[5]  # more than are scored afresh at once
    dictionary = dictionary[torch.randperm(30, generator=torch.Generator().manual_seed(seed))]
    assert_equals_oracle(mixed, write, dictionary, 12, rule, tile=tile)


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("rule", RULES)
def test_exact_ties_go_to_the_first_atom(rule, tile):
    mixed = torch.eye(4, dtype=torch.float64)[:, None, :]
    write = torch.eye(4, 6, dtype=torch.float64)[None]
    dictionary = torch.eye(6, dtype=torch.float64)
    result = solve(mixed, write, dictionary, 6, rule, tile=tile)
    assert result.atoms.tolist() == [[0, 1, 2, 3, -1, -1]]
    torch.testing.assert_close(result.explained[0], torch.tensor([0.25, 0.5, 0.75, 1, 1, 1], dtype=torch.float64))


def test_dependent_atoms_are_left_out_not_chosen_twice():
    mixed, write, _ = problem(0, d_model=5, d_head=5)
    dictionary = torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    dictionary = torch.cat([dictionary, dictionary.sum(0, keepdim=True), dictionary])
    for rule, tile in product(RULES, TILES):
        atoms = solve(mixed, write, dictionary, 5, rule, tile=tile).atoms
        assert ((atoms >= 0).sum(1) == 2).all()
        assert (atoms[:, 2:] == -1).all()


def test_a_head_that_writes_nothing_explains_nothing():
    mixed, write, dictionary = problem(0)
    mixed[:, 1] = 0
    for rule, tile in product(RULES, TILES):
        result = solve(mixed, write, dictionary, 4, rule, tile=tile)
        assert result.atoms[1].tolist() == [-1] * 4
        assert result.explained[1].tolist() == [0.0] * 4
        assert (result.explained[0] > 0).all()


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n_atoms", [30, 400])  # what atoms see of each other is kept for few of them only
def test_float32_finds_the_same_atoms(rule, tile, n_atoms):
    mixed, write, dictionary = problem(3, n_samples=200, d_head=16, d_model=64, n_atoms=n_atoms, dtype=torch.float32)
    assert_equals_oracle(mixed, write, dictionary, 10, rule, tolerance=1e-5, tile=tile)


@pytest.mark.parametrize("rule", ["l1", "l2"])  # scikit-learn has no forward selection
def test_one_sample_equals_orthogonal_matching_pursuit(rule):
    mixed, write, dictionary = problem(5, n_heads=1, n_samples=1)
    result = solve(mixed, write, dictionary, 5, rule)
    atoms = torch.nn.functional.normalize(dictionary, dim=-1)
    weights = orthogonal_mp(atoms.T.numpy(), (mixed[0, 0] @ write[0]).numpy(), n_nonzero_coefs=5)
    assert sorted(result.atoms[0].tolist()) == weights.nonzero()[0].tolist()


def test_one_sample_by_the_forward_rule_equals_a_search_over_all_atoms():
    """Each step takes the atom that, with those taken before, leaves the least by least squares."""
    mixed, write, dictionary = problem(5, n_heads=1, n_samples=1)
    signal, chosen = mixed[0, 0] @ write[0], []
    for _ in range(5):
        left = {}
        for atom in set(range(len(dictionary))) - set(chosen):
            atoms = dictionary[[*chosen, atom]].T
            left[atom] = float((signal - atoms @ torch.linalg.lstsq(atoms, signal[:, None]).solution[:, 0]).norm())
        chosen.append(min(left, key=left.__getitem__))
    assert solve(mixed, write, dictionary, 5, "forward").atoms[0].tolist() == chosen


@pytest.mark.parametrize("rule", RULES)
def test_one_sample_and_one_step_is_the_logit_lens(rule):
    mixed, write, unembedding = problem(6, n_samples=1)
    unembedding = torch.nn.functional.normalize(unembedding, dim=-1)
    for head in range(3):
        logits = (mixed[0, head] @ write[head]) @ unembedding.T
        assert solve(mixed, write, unembedding, 1, rule).atoms[head, 0] == logits.abs().argmax()


def test_moments_stand_for_the_samples():
    mixed, write, dictionary = problem(7)
    moments = Moments.of(mixed[:11]) + Moments.of(mixed[11:])
    for centre in (False, True):
        of_moments = pursue(Signals.from_moments(moments, write, centre=centre), Dictionary.of(dictionary), 6)
        of_samples = solve(mixed, write, dictionary, 6, "l2", centre=centre)
        assert torch.equal(of_moments.atoms, of_samples.atoms)
        torch.testing.assert_close(of_moments.explained, of_samples.explained)


def test_centring_subtracts_the_mean_sample():
    mixed, write, dictionary = problem(8)
    centred = solve(mixed, write, dictionary, 6, "l1", centre=True)
    by_hand = solve(mixed - mixed.mean(0), write, dictionary, 6, "l1", centre=False)
    assert torch.equal(centred.atoms, by_hand.atoms)
    torch.testing.assert_close(centred.explained, by_hand.explained)


@pytest.mark.parametrize("rule", RULES)
@examples(6)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.01, 100))
def test_properties(rule, seed, scale):
    mixed, write, dictionary = problem(seed)
    plain = solve(mixed, write, dictionary, 8, rule)
    assert (plain.explained.diff(dim=1) >= -1e-12).all()
    assert (plain.explained <= 1).all()

    permutation = torch.randperm(len(dictionary), generator=torch.Generator().manual_seed(seed))
    permuted = solve(mixed, write, dictionary[permutation], 8, rule)
    assert torch.equal(permutation[permuted.atoms], plain.atoms)

    turned = torch.randn(20, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    rotation = torch.linalg.qr(turned)[0]
    rotated = solve(scale * mixed, write @ rotation, dictionary @ rotation, 8, rule)
    assert torch.equal(rotated.atoms, plain.atoms)
    torch.testing.assert_close(rotated.explained, plain.explained)


def test_the_forward_rule_explains_at_least_as_much_with_the_first_two_atoms():
    for seed in range(20):
        data = problem(seed)
        forward, l2 = solve(*data, 2, "forward"), solve(*data, 2, "l2")
        assert torch.equal(forward.atoms[:, 0], l2.atoms[:, 0])
        assert (forward.explained[:, 1] >= l2.explained[:, 1] - 1e-12).all()


@pytest.mark.parametrize("rule", RULES)
def test_memory_limit_changes_nothing(rule):
    data = problem(9, n_heads=7)
    for tile in TILES:
        whole, split = (solve(*data, 6, rule, memory_bytes=room, tile=tile) for room in (2**30, 1))
        assert torch.equal(whole.atoms, split.atoms)
        torch.testing.assert_close(whole.explained, split.explained, rtol=1e-12, atol=0)


@pytest.mark.parametrize("rule", RULES)
def test_the_tile_width_changes_nothing(rule):
    data = problem(13, n_heads=4, n_samples=100, d_head=16, d_model=64, n_atoms=3000, dtype=torch.float32)
    results = [solve(*data, 4, rule, tile=tile) for tile in (None, 1, 100, 1024, 3000)]
    for other in results[1:]:
        assert torch.equal(other.atoms, results[0].atoms)
        assert torch.equal(other.explained, results[0].explained)


@pytest.mark.parametrize("rule", RULES)
def test_dictionaries_solved_together_equal_those_solved_alone(rule):
    mixed, write, dictionary = problem(14, n_heads=5, n_atoms=80)
    signals = Signals.from_samples(mixed, write)
    dictionaries = [Dictionary.of(part) for part in dictionary.split(20)]
    for room in (2**30, 1):
        together = pursue_each(signals, dictionaries, 6, rule=rule, memory_bytes=room)
        for one, alone in zip(together, dictionaries, strict=True):
            expected = pursue(signals, alone, 6, rule=rule, tile=20)
            assert torch.equal(one.atoms, expected.atoms)
            torch.testing.assert_close(one.explained, expected.explained, rtol=1e-9, atol=0)


def test_dictionaries_of_different_sizes_are_solved_one_by_one():
    mixed, write, dictionary = problem(15)
    signals = Signals.from_samples(mixed, write)
    dictionaries = [Dictionary.of(dictionary[:20]), Dictionary.of(dictionary[20:])]
    for one, alone in zip(pursue_each(signals, dictionaries, 4), dictionaries, strict=True):
        assert torch.equal(one.atoms, pursue(signals, alone, 4).atoms)


def test_a_half_precision_dictionary_is_read_as_it_stands():
    mixed, write, dictionary = problem(16, dtype=torch.float32)
    half = dictionary.bfloat16()
    for tile in TILES:
        found = solve(mixed, write, half, 6, "l2", tile=tile)
        expected = solve(mixed, write, half.float(), 6, "l2", tile=tile)
        assert torch.equal(found.atoms, expected.atoms)
        assert torch.equal(found.explained, expected.explained)


def test_undefined_rows_of_a_dictionary_are_named():
    _, _, dictionary = problem(17)
    dictionary[31, 2] = torch.nan
    with pytest.raises(ValueError, match="row 31 of the dictionary is infinite or undefined"):
        Dictionary.of(dictionary)


def test_wrong_input_is_refused():
    mixed, write, dictionary = problem(0)
    from_moments = Signals.from_moments(Moments.of(mixed), write)
    atoms = Dictionary.of(dictionary)
    with pytest.raises(ValueError, match="l1 rule sums over samples, but only moments were given"):
        pursue(from_moments, atoms, 3, rule="l1")
    with pytest.raises(ValueError, match="at least one atom"):
        pursue(from_moments, atoms, 0)
    with pytest.raises(ValueError, match="no atoms"):
        pursue(from_moments, Dictionary.of(dictionary[:0]), 3)
    with pytest.raises(ValueError, match="d_model 20, the dictionary has 19"):
        pursue(from_moments, Dictionary.of(dictionary[:, 1:]), 3)


@pytest.mark.parametrize("spread", [1e-2, 1e-4])
def test_centring_is_exact_where_the_mean_is_far_larger_than_the_spread(spread):
    """Float32 samples that are nearly constant: what is left after centring must not be rounding."""
    mixed, write, dictionary = problem(11, n_samples=60, dtype=torch.float32)
    mixed = 1 + spread * mixed
    moments = Moments.of(mixed[:25]) + Moments.of(mixed[25:])
    found = pursue(Signals.from_moments(moments, write), Dictionary.of(dictionary), 5)
    for head in range(3):
        written = mixed[:, head].double() @ write[head].double()
        atoms, explained = plain_somp(written - written.mean(0), dictionary, 5, "l2")
        assert found.atoms[head].tolist() == atoms
        assert found.explained[head].tolist() == pytest.approx(explained, abs=1e-5)


def test_a_head_that_writes_the_same_always_is_nothing_once_centred():
    mixed, write, dictionary = problem(12, dtype=torch.float32)
    mixed[:, 1] = mixed[0, 1]
    moments = Moments.of(mixed[:7]) + Moments.of(mixed[7:])
    for signals in (Signals.from_moments(moments, write), Signals.from_samples(mixed, write)):
        found = pursue(signals, Dictionary.of(dictionary), 4)
        assert found.atoms[1].tolist() == [-1] * 4
        assert found.explained[1].tolist() == [0.0] * 4
        assert (found.explained[[0, 2]] > 0).all()
