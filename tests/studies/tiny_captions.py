"""Captions by a tiny random llava: images with references, a concept, and the settings of a small study."""

from dataclasses import replace
from functools import cache

import tiny_vision

from headpursuit.analysis import RankConfig
from headpursuit.concepts import Concept
from headpursuit.media import ImageSet, LabelledImage
from headpursuit.models import answer
from headpursuit.studies import usual_config
from headpursuit.studies.tasks import captioning

N_NEW = 5
REQUEST = "w7 <image> w9 w11"
N_IMAGES = 8
"""Of each split."""


@cache
def model():
    return tiny_vision.vision_model("llava")


def images(captions=("w20 w21 w22",)):
    found = [
        LabelledImage(f"{split}-{n}", tiny_vision.drawing(n + start), split, captions=captions)
        for start, split in ((0, "selection"), (N_IMAGES, "heldout"))
        for n in range(N_IMAGES)
    ]
    return ImageSet("drawings", tuple(found), caption_request=REQUEST)


@cache
def task():
    """References are the unedited model's own captions, and the concept is what it says about the first image."""
    plain = captioning(images(), Concept("hues", ("w20",)))
    given = answer(model(), [q.prompt for q in plain.questions], max_new_tokens=N_NEW)
    questions = tuple(replace(q, answers=(text, f"{text} w99")) for q, text in zip(plain.questions, given, strict=True))
    words = dict.fromkeys(word for text in given[:2] for word in text.split()[1:3] if not word.startswith("<"))
    return replace(plain, questions=questions, concept=Concept("hues", tuple(words)), neutral_texts=("w11 w12 w13",))


def config(folder, **changes):
    """The other concept is a file in `folder`."""
    (folder / "forms.txt").write_text("w30\nw41\n")
    usual = dict(
        data="drawings",
        concept="hues",
        other_concept=str(folder / "forms.txt"),
        controls=2,
        chat=False,
        max_new_tokens=N_NEW,
        ranking=RankConfig(n_draws=4),
        batch_size=16,
        doses="1,2",
        scales="-1,-20",
        enhance_scales="3",
        sweep_questions=4,
    )
    return usual_config("captioning", "tiny", **usual | changes)
