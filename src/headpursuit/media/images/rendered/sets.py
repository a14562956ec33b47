"""Rendered scenes as sets of images: one digit each, whole scenes with captions and questions, or scenes to count."""

from dataclasses import replace

import numpy as np

from headpursuit.media.images.class_words import DIGITS
from headpursuit.media.images.image_set import ImageQuestion, ImageSet, LabelledImage, Split
from headpursuit.media.images.rendered.scans import DIGIT_WORDS, scans_of
from headpursuit.media.images.rendered.scenes import COLOURS, PLACES, SIZES, Scene, Thing, random_scene, render
from headpursuit.media.images.rendered.wording import CAPTION_REQUESTS, COUNT_WORDS, Exchange, caption, exchanges

_SEEDS: dict[Split, int] = {"selection": 1_000_003, "heldout": 2_000_003}
"""Far from the seeds of training, so that no scene was trained on."""

_N_SCENES = 500
"""Scenes per split."""

_N_CAPTIONS = 5
"""References for each scene."""


def digits() -> ImageSet:
    """Scanned digits, each alone in a scene: 500 for selection, and every held-out scan once.

    Label: the digit. Questions: its colour.
    """
    rng = {split: np.random.default_rng(seed) for split, seed in _SEEDS.items()}
    chosen: dict[Split, list[tuple[int, int]]] = {
        "selection": [(n % 10, int(rng["selection"].choice(scans_of("selection")[n % 10]))) for n in range(500)],
        "heldout": [(digit, int(scan)) for digit, scans in enumerate(scans_of("heldout")) for scan in scans],
    }
    images = [
        _digit(split, number, digit, scan, rng[split])
        for split, pairs in chosen.items()
        for number, (digit, scan) in enumerate(pairs)
    ]
    return ImageSet("digits", tuple(images), DIGITS, "Which digit is in the image?", CAPTION_REQUESTS[0])


def _digit(split: Split, number: int, digit: int, scan: int, rng: np.random.Generator) -> LabelledImage:
    colour, size, place = (str(rng.choice(list(names))) for names in (COLOURS, SIZES, PLACES))
    scene = Scene((Thing(DIGIT_WORDS[digit], colour, size, place, scan),), int(rng.integers(2**31)))
    asked = ImageQuestion("Which colour is the digit?", (colour,), "colour")
    return LabelledImage(f"{split}-{number:03}", render(scene), split, str(digit), questions=(asked,))


def scenes() -> ImageSet:
    """Scenes of one to four things, 500 per split; held-out ones show held-out scans.

    Five captions each. Questions: how many, a colour, and a digit or shape where the scene has one.
    """
    images = [image for split in _SEEDS for image in _scenes(split)]
    return ImageSet("scenes", tuple(images), question="What is in the image?", caption_request=CAPTION_REQUESTS[0])


def counts() -> ImageSet:
    """The scenes, labelled with the number of their things.

    Questions: colours and shapes; not digits, whose names are numbers too.
    """
    found = scenes()
    classes = {str(n): (word, str(n)) for n, word in enumerate(COUNT_WORDS) if n}
    return replace(
        found,
        name="counts",
        images=tuple(map(_counted, found.images)),
        classes=classes,
        question="How many objects are there?",
    )


def _counted(image: LabelledImage) -> LabelledImage:
    (count,) = (q.answers[0] for q in image.questions if q.subject == "count")
    others = tuple(q for q in image.questions if q.subject in ("colour", "shape"))
    return replace(image, label=str(COUNT_WORDS.index(count)), questions=others)


def _scenes(split: Split) -> list[LabelledImage]:
    rng = np.random.default_rng(_SEEDS[split] + 1)
    found = []
    for number in range(_N_SCENES):
        scene = random_scene(rng, split)
        questions = tuple(_question(e) for e in exchanges(scene, rng) if e.subject != "caption")
        captions = tuple(caption(scene, rng) for _ in range(_N_CAPTIONS))
        found.append(LabelledImage(f"{split}-{number:03}", render(scene), split, None, captions, questions))
    return found


def _question(exchange: Exchange) -> ImageQuestion:
    return ImageQuestion(exchange.question, (exchange.key,), exchange.subject)
