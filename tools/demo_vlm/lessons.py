"""Lessons of the demo model: rendered scenes, which parts of the picture show what, and talk about them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from headpursuit.media.images.rendered.scenes import COLOURS, KINDS, PLACES, SIDE, SIZES, Scene, random_scene, render
from headpursuit.media.images.rendered.wording import Exchange, exchanges
from headpursuit.models.demo_vlm.parts import PATCH, PATCHES

WORDS = (*KINDS, *COLOURS, *SIZES, "nothing")
"""Names of all that a patch can show, as the language model would say it."""

_WEIGHTS = {"caption": 1.5, "digit": 2.0, "colour": 2.0, "count": 1.0, "shape": 1.0}
"""A scene with digits and shapes has five subjects, of which one is left out: the less it weighs, the more often."""

_N_EXCHANGES = 4
"""About each scene that is talked about."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """A batch of scenes with a word for every patch."""

    pixels: UInt8[Tensor, "n_scenes side side 3"]
    words: Int[Tensor, "n_scenes n_patches"]
    """The one of `WORDS` that each patch shows."""
    count: Int[Tensor, " n_scenes"]
    """Things less one."""
    talk: list[list[Exchange]]
    """About the first scenes."""


class _Scenes(IterableDataset[Pictures]):
    def __init__(self, n_batches: int, batch_size: int, n_talked: int, seed: int) -> None:
        self._n_batches, self._batch_size, self._n_talked, self._seed = n_batches, batch_size, n_talked, seed

    def __iter__(self) -> Iterator[Pictures]:
        rng = np.random.default_rng(self._seed)
        for _ in range(self._n_batches):
            scenes = [random_scene(rng, "selection") for _ in range(self._batch_size)]
            yield pictures(scenes, [_talk(scene, rng) for scene in scenes[: self._n_talked]])


def stream(n_batches: int, batch_size: int, n_talked: int, seed: int) -> DataLoader[Pictures]:
    """Batches of training scenes, rendered by a second process; the same seed gives the same scenes.

    The first `n_talked` scenes of a batch are talked about.
    """
    scenes = _Scenes(n_batches, batch_size, n_talked, seed)
    return DataLoader(scenes, batch_size=None, num_workers=1, prefetch_factor=4)


def pictures(scenes: list[Scene], talk: list[list[Exchange]]) -> Pictures:
    """Render scenes and label their patches."""
    words = torch.from_numpy(np.stack([_words(scene) for scene in scenes]))
    pixels = torch.from_numpy(np.stack([np.asarray(render(scene)) for scene in scenes]))
    return Pictures(pixels, words, torch.tensor([len(scene.things) - 1 for scene in scenes]), talk)


def _words(scene: Scene) -> Int[np.ndarray, " n_patches"]:
    """Of a thing's four patches the upper two say `red seven`, the lower two `large seven`; the others say `nothing`.

    Single words are read far better by a language model that is not trained than all of them added up.
    """
    words = np.full(PATCHES, WORDS.index("nothing"))
    for thing in scene.things:
        said = (thing.colour, thing.kind, thing.size, thing.kind)
        words[_patches_around(*PLACES[thing.place])] = [WORDS.index(word) for word in said]
    return words


def _patches_around(x: int, y: int) -> Int[np.ndarray, " n"]:
    """The patches of the half as wide square around a place."""
    middles = (np.arange(SIDE // PATCH) + 0.5) * PATCH
    columns, rows = abs(middles - x) < SIDE / 4, abs(middles - y) < SIDE / 4
    return np.flatnonzero(rows[:, None] & columns[None])


def _talk(scene: Scene, rng: np.random.Generator) -> list[Exchange]:
    possible = exchanges(scene, rng)
    weights = np.array([_WEIGHTS[exchange.subject] for exchange in possible])
    chosen = rng.choice(len(possible), _N_EXCHANGES, replace=False, p=weights / weights.sum())
    return [possible[i] for i in chosen]
