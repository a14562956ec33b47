"""Random dictionaries to compare a concept's with: of any atoms, or of atoms like the concept's."""

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

_BLOCK = 16
"""Dictionaries drawn at once, so that memory does not grow with their number, nor the first ones change with it."""

_NEIGHBOURS = 4
"""Candidates per atom of the concept that is matched."""

_FEWEST_NEIGHBOURS = 32


def random_dictionaries(
    n_atoms: int, size: int, exclude: Int[Tensor, " n_excluded"], n_draws: int, seed: int
) -> Int[Tensor, "n_draws size"]:
    """Rows of a dictionary of `n_atoms`, drawn without replacement and without the excluded ones.

    Raises:
        ValueError: If fewer than `size` atoms are left.
    """
    pool = _kept(n_atoms, size, exclude).nonzero()[:, 0]
    generator = torch.Generator().manual_seed(seed)
    blocks = [torch.ones(n, len(pool)).multinomial(size, generator=generator) for n in _blocks(n_draws)]
    return pool[torch.cat(blocks)]


def matched_dictionaries(
    atoms: Int[Tensor, " size"],
    kinds: Int[Tensor, " n_atoms"],
    traits: Float[Tensor, "n_atoms n_traits"],
    exclude: Int[Tensor, " n_excluded"],
    n_draws: int,
    seed: int,
) -> Int[Tensor, "n_draws size"]:
    """For each of a concept's atoms another one like it, drawn from its nearest neighbours, each at most once.

    An atom's neighbours are those of its kind that are nearest in their traits: four times as many as the concept has
    atoms, at least 32. Where its kind has too few, the nearest of other kinds follow.

    Args:
        atoms: The concept's.
        kinds: A number for each atom's kind.
        traits: Between 0 and 1, such as ranks.
        exclude: Atoms that are not drawn; the concept's should be among them.
        n_draws: Number of dictionaries.
        seed: Same seed, same dictionaries; more draws begin with those of fewer.

    Raises:
        ValueError: If too few atoms are left.
    """
    kept = _kept(len(kinds), len(atoms), exclude)
    n_near = min(max(_FEWEST_NEIGHBOURS, _NEIGHBOURS * len(atoms)), int(kept.sum()))
    near = [_nearest(atom, kinds, traits, kept, n_near) for atom in atoms.tolist()]
    generator = torch.Generator().manual_seed(seed)
    blocks = []
    for n in _blocks(n_draws):
        free = kept.repeat(n, 1)
        columns = []
        for candidates in near:
            chosen = candidates[free[:, candidates].float().multinomial(1, generator=generator)]
            free.scatter_(1, chosen, False)
            columns.append(chosen)
        blocks.append(torch.cat(columns, dim=1))
    return torch.cat(blocks)


def _kept(n_atoms: int, size: int, exclude: Int[Tensor, " n_excluded"]) -> Bool[Tensor, " n_atoms"]:
    """The atoms that may be drawn."""
    kept = torch.ones(n_atoms, dtype=torch.bool)
    kept[exclude.cpu()] = False
    n_left = int(kept.sum())
    if n_left < size:
        raise ValueError(
            f"a random dictionary needs {size} atoms, but only {n_left} are left beside the concept; "
            "use a smaller concept"
        )
    return kept


def _nearest(
    atom: int,
    kinds: Int[Tensor, " n_atoms"],
    traits: Float[Tensor, "n_atoms n_traits"],
    kept: Bool[Tensor, " n_atoms"],
    n_near: int,
) -> Int[Tensor, " n_near"]:
    distance = (traits - traits[atom]).abs().sum(1)
    distance = distance + (1 + traits.shape[1]) * (kinds != kinds[atom])  # farther than anything of its kind
    return distance.masked_fill(~kept, torch.inf).topk(n_near, largest=False).indices


def _blocks(n_draws: int) -> Iterator[int]:
    for start in range(0, n_draws, _BLOCK):
        yield min(_BLOCK, n_draws - start)
