import pytest
import torch

from headpursuit.pursuit import matched_dictionaries, random_dictionaries

N_ATOMS = 200
KINDS = torch.arange(N_ATOMS) % 2
TRAITS = (torch.arange(N_ATOMS) / N_ATOMS)[:, None]
CONCEPT = torch.tensor([10, 51, 90, 190])


def matched(n_draws=40, seed=0, atoms=CONCEPT, exclude=CONCEPT):
    return matched_dictionaries(atoms, KINDS, TRAITS, exclude, n_draws, seed)


def drawn_by(kind):
    if kind == "matched":
        return matched
    return lambda n_draws=40, seed=0: random_dictionaries(N_ATOMS, len(CONCEPT), CONCEPT, n_draws, seed)


def test_matched_atoms_are_of_the_same_kind_and_near():
    draws = matched(400)
    assert (KINDS[draws] == KINDS[CONCEPT]).all()
    away = (TRAITS[draws] - TRAITS[CONCEPT]).abs()[..., 0]
    assert (away[:, 1:3] <= 34 / N_ATOMS).all()  # the 32 nearest of a kind reach 32 places to either side
    assert all(len(column.unique()) == 32 for column in draws.T)


def test_too_small_a_kind_is_filled_up_with_the_nearest_of_others():
    kinds = torch.zeros(N_ATOMS, dtype=torch.int64)
    kinds[100:110] = 1
    draws = matched_dictionaries(torch.tensor([105]), kinds, TRAITS, torch.tensor([105]), 400, 0)
    assert set(range(100, 110)) - {105} <= set(draws.flatten().tolist()) <= set(range(85, 126))


@pytest.mark.parametrize("kind", ["any", "matched"])
def test_no_atom_twice_and_none_of_the_concept(kind):
    draws = drawn_by(kind)(400)
    assert draws.shape == (400, 4)
    assert not torch.isin(draws, CONCEPT).any()
    assert all(len(row.unique()) == 4 for row in draws)


def test_crowded_atoms_share_their_neighbours():
    crowded = torch.arange(0, 60, 2)
    draws = matched(atoms=crowded, exclude=crowded)
    assert all(len(row.unique()) == len(crowded) for row in draws)


@pytest.mark.parametrize("kind", ["any", "matched"])
def test_more_draws_begin_with_those_of_fewer(kind):
    draw = drawn_by(kind)
    assert torch.equal(draw(40)[:32], draw(32))
    assert torch.equal(draw(40), draw(40))
    assert not torch.equal(draw(40), draw(40, seed=1))


def test_too_few_atoms_are_refused():
    with pytest.raises(ValueError, match="a random dictionary needs 4 atoms, but only 3 are left beside the concept"):
        matched(exclude=torch.arange(N_ATOMS - 3))
