"""Directions and signals of any length: only their directions count, in float32 too."""

import pytest
import torch
from oracle import plain_somp

from headpursuit.pursuit import Dictionary, Moments, Signals, pursue, pursue_each, pursue_nonnegative

RULES = ("l1", "l2", "forward")
TILES = (None, 7)
LENGTHS = (1e-21, 3e-20, 1e-25, 1e-30, 1e-38, 1e-42, 1e15, 1e20, 1e30, 3e37)


def problem(seed=0, n_heads=3, n_samples=40, d_head=6, d_model=20, n_atoms=40):
    g = torch.Generator().manual_seed(seed)
    mixed = torch.randn(n_samples, n_heads, d_head, generator=g)
    write = torch.randn(n_heads, d_head, d_model, generator=g)
    return mixed, write, torch.randn(n_atoms, d_model, generator=g)


def oracle(mixed, write, dictionary, n_steps, rule="l2"):
    found = [
        plain_somp(mixed[:, head].double() @ write[head].double(), dictionary, n_steps, rule)
        for head in range(mixed.shape[1])
    ]
    return [atoms for atoms, _ in found], [explained for _, explained in found]


def assert_found(found, atoms, explained, tolerance=1e-5):
    assert found.atoms.tolist() == atoms
    for ours, theirs in zip(found.explained.tolist(), explained, strict=True):
        assert ours == pytest.approx(theirs, abs=tolerance)


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("length", LENGTHS)
def test_a_row_of_any_length_is_an_atom_like_any_other(length, rule, tile):
    mixed, write, dictionary = problem()
    best = oracle(mixed, write, dictionary, 1, rule)[0][0][0]
    for row in (best, 5, 17):
        dictionary[row] *= length / dictionary[row].norm()
    atoms, explained = oracle(mixed, write, dictionary, 6, rule)
    assert atoms[0][0] == best
    signals = Signals.from_samples(mixed, write, centre=False)
    assert_found(pursue(signals, Dictionary.of(dictionary), 6, rule=rule, tile=tile), atoms, explained)


@pytest.mark.parametrize("length", LENGTHS)
def test_rows_of_any_length_in_a_pursuit_without_negative_coefficients(length):
    mixed, write, dictionary = problem(1)
    signals = Signals.from_samples(mixed, write, centre=False)
    usual = pursue_nonnegative(signals, Dictionary.of(dictionary), 5)
    dictionary[usual.atoms[:, :2].flatten()] *= length
    found = pursue_nonnegative(signals, Dictionary.of(dictionary), 5)
    assert_found(found, usual.atoms.tolist(), usual.explained.tolist(), 1e-4)


@pytest.mark.parametrize(("dtype", "length"), [(torch.bfloat16, 1e-30), (torch.bfloat16, 1e25), (torch.float16, 1e-4)])
def test_rows_of_any_length_in_half_precision(dtype, length):
    mixed, write, dictionary = problem(2)
    dictionary[:20] *= length
    dictionary = dictionary.to(dtype)
    atoms, explained = oracle(mixed, write, dictionary, 6)
    signals = Signals.from_samples(mixed, write, centre=False)
    for tile in TILES:
        assert_found(pursue(signals, Dictionary.of(dictionary), 6, tile=tile), atoms, explained)


def test_a_dictionary_of_usual_lengths_is_not_copied():
    _, _, dictionary = problem()
    dictionary[3] = 0
    assert Dictionary.of(dictionary).vectors is dictionary


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e-21, 1e-12, 1e12, 1e21, 1e30, 1e36])
def test_heads_that_write_little_or_much_are_explained_alike(scale, rule, tile):
    mixed, write, dictionary = problem(3)
    atoms, explained = oracle(mixed, write, dictionary, 6, rule)
    write[1] *= scale
    signals = Signals.from_samples(mixed, write, centre=False)
    assert_found(pursue(signals, Dictionary.of(dictionary), 6, rule=rule, tile=tile), atoms, explained)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30])
def test_a_head_of_another_scale_changes_nothing_for_the_others(scale):
    mixed, write, dictionary = problem(4)
    usual = pursue_nonnegative(Signals.from_samples(mixed, write), Dictionary.of(dictionary), 5)
    write[1] *= scale
    found = pursue_nonnegative(Signals.from_samples(mixed, write), Dictionary.of(dictionary), 5)
    assert_found(found, usual.atoms.tolist(), usual.explained.tolist(), 1e-6)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("also", [1.0, 1e-30])
def test_undefined_rows_are_refused_by_number_whatever_the_others_are(value, also):
    _, _, dictionary = problem()
    dictionary[4] *= also
    dictionary[31, 2] = value
    with pytest.raises(ValueError, match="row 31 of the dictionary is infinite or undefined"):
        Dictionary.of(dictionary)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_undefined_signals_are_refused_by_number(value):
    mixed, write, dictionary = problem()
    atoms, signals = Dictionary.of(dictionary), Signals.from_samples(mixed, write)
    signals.rows[2, 1, 3] = value
    for run in (lambda: pursue(signals, atoms, 3), lambda: pursue_each(signals, [atoms, atoms], 3)):
        with pytest.raises(ValueError, match="the signals of head 2 are infinite or undefined"):
            run()
    with pytest.raises(ValueError, match="the signals of head 2 are infinite or undefined"):
        pursue_nonnegative(signals, atoms, 3)
    mixed[7, 1, 0] = value
    with pytest.raises(ValueError, match="the samples of head 1 are infinite or undefined"):
        Signals.from_samples(mixed, write)
    with pytest.raises(ValueError, match="the moments of head 1 are infinite or undefined"):
        Signals.from_moments(Moments.of(mixed), write)


@pytest.mark.parametrize("offset", [1e4, 1e5, 1e6])
def test_centring_keeps_digits_where_the_offset_is_a_million_times_the_spread(offset):
    """Float32 samples as captures see them, in two batches; what is left is compared in float64."""
    mixed, write, dictionary = problem(5, n_samples=60)
    mixed = offset + mixed
    spread = mixed.double() - mixed.double().mean(0)
    atoms, explained = oracle(spread, write, dictionary, 5)
    moments = Moments.of(mixed[:25]) + Moments.of(mixed[25:])
    for signals in (Signals.from_moments(moments, write), Signals.from_samples(mixed, write)):
        assert_found(pursue(signals, Dictionary.of(dictionary), 5), atoms, explained, 1e-3)


@pytest.mark.parametrize("offset", [1e7, 1e9, 1e12])
def test_float64_samples_keep_digits_below_what_float32_can_tell(offset):
    mixed, write, dictionary = problem(6, n_samples=60)
    mixed = offset + mixed.double()
    atoms, explained = oracle(mixed - mixed.mean(0), write, dictionary, 5)
    assert_found(
        pursue(Signals.from_samples(mixed, write.double()), Dictionary.of(dictionary), 5), atoms, explained, 1e-3
    )


def test_rounding_of_what_is_always_written_is_no_signal():
    """The same values, each in its last place a little otherwise, as kernels of other shapes round them."""
    mixed, write, dictionary = problem(7)
    same = mixed[0].expand(40, -1, -1).clone()
    up = torch.rand(same.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    same[up] = torch.nextafter(same[up], torch.full_like(same[up], torch.inf))
    for signals in (Signals.from_moments(Moments.of(same), write), Signals.from_samples(same, write)):
        found = pursue(signals, Dictionary.of(dictionary), 4)
        assert (found.atoms == -1).all()
        assert (found.explained == 0).all()


def test_the_share_that_varies():
    mixed, _, _ = problem(8)
    mixed[:, 1] = 3.0
    mixed[:, 2] = 0.0
    varying = Moments.of(mixed[:11]).__add__(Moments.of(mixed[11:])).varying
    spread = mixed[:, 0].double() - mixed[:, 0].double().mean(0)
    assert float(varying[0]) == pytest.approx(float(spread.square().sum() / mixed[:, 0].double().square().sum()))
    assert abs(float(varying[1])) < 1e-14
    assert float(varying[2]) == 0
