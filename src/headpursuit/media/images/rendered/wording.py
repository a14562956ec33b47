"""Talk about a scene: captions in varied words, and questions with their answers."""

from dataclasses import dataclass

import numpy as np

from headpursuit.media.images.rendered.scenes import Scene, Thing

COUNT_WORDS = ("zero", "one", "two", "three", "four")

CAPTION_REQUESTS = (
    "Describe the image.",
    "What does the image show?",
    "Write a caption.",
    "What can you see?",
)

_NAMES_COLOURS = {1: 0.75, 2: 0.5, 3: 0.25, 4: 0.15}
"""Chance that a caption names colours, by the number of things: people say less of each where there is more to say."""

_NAMES_SIZES = 0.15


@dataclass(frozen=True)
class Exchange:
    """A question and its answer."""

    subject: str
    """`caption`, `digit`, `shape`, `colour` or `count`."""
    question: str
    answer: str
    key: str
    """The word that makes the answer right; empty for captions."""


def caption(scene: Scene, rng: np.random.Generator) -> str:
    """One of many captions of a scene."""
    n = len(scene.things)
    colours, sizes = rng.random() < _NAMES_COLOURS[n], rng.random() < _NAMES_SIZES
    named = [_phrase(thing, colours, sizes) for thing in scene.things]
    frames = ["The image shows {}.", "The image shows {}.", "There is {}.", "{}."]
    if n == 1:
        frames += ["The image shows {} in the " + scene.things[0].place + "."]
    else:
        frames += [COUNT_WORDS[n] + " objects: {}."]
    text = frames[rng.integers(len(frames))].format(_listed(named))
    return text[0].upper() + text[1:]


def exchanges(scene: Scene, rng: np.random.Generator) -> list[Exchange]:
    """One question of each subject that the scene can answer, and a caption."""
    one = scene.things[rng.integers(len(scene.things))]
    found = [Exchange("caption", _any(rng, CAPTION_REQUESTS), caption(scene, rng), "")]
    found += [_count(scene, rng), _colour(scene, one, rng)]
    for subject, is_digit in (("digit", True), ("shape", False)):
        things = [thing for thing in scene.things if thing.is_digit == is_digit]
        if things:
            found.append(_kind(subject, things, rng))
    return found


def _kind(subject: str, things: list[Thing], rng: np.random.Generator) -> Exchange:
    """A question for the digit or the shape; where there are several, the colour says which is meant."""
    thing = things[rng.integers(len(things))]
    name = thing.kind if subject == "digit" else f"a {thing.kind}"
    if len(things) == 1 and rng.random() < 0.7:
        asked = (f"Which {subject} is in the image?", f"What {subject} is shown?")
        return Exchange(subject, _any(rng, asked), f"The {subject} is {name}.", thing.kind)
    by_colour = (f"Which {subject} is {thing.colour}?", f"What is the {thing.colour} {subject}?")
    return Exchange(subject, _any(rng, by_colour), f"The {thing.colour} {subject} is {name}.", thing.kind)


def _colour(scene: Scene, thing: Thing, rng: np.random.Generator) -> Exchange:
    name = thing.kind
    group = "digit" if thing.is_digit else "shape"
    if sum(other.is_digit == thing.is_digit for other in scene.things) == 1 and rng.random() < 0.5:
        name = group
    asked = (f"Which colour is the {name}?", f"What colour is the {name}?")
    return Exchange("colour", _any(rng, asked), f"The {name} is {thing.colour}.", thing.colour)


def _count(scene: Scene, rng: np.random.Generator) -> Exchange:
    n = len(scene.things)
    asked = ("How many objects are there?", "How many objects are in the image?")
    answer = "There is one object." if n == 1 else f"There are {COUNT_WORDS[n]} objects."
    return Exchange("count", _any(rng, asked), answer, COUNT_WORDS[n])


def _phrase(thing: Thing, with_colour: bool, with_size: bool) -> str:
    words = [thing.size] * with_size + [thing.colour] * with_colour + [thing.kind]
    return f"{'an' if words[0][0] in 'aeiou' else 'a'} {' '.join(words)}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _any(rng: np.random.Generator, texts: tuple[str, ...]) -> str:
    return texts[rng.integers(len(texts))]
