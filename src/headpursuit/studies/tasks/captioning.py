"""captioning: what is in the image, in a sentence? Heads for a concept are ranked on captions of other images."""

from headpursuit.concepts import Concept
from headpursuit.images import ImagePrompt, ImageSet, LabelledImage
from headpursuit.images import Split as ImageSplit
from headpursuit.studies.tasks.image_classification import left_out
from headpursuit.studies.tasks.task import Question, Split, Task, neutral_texts

FEWEST = 4
"""Images of each split of the task: with fewer, almost every word is said of all of them, and CIDEr counts none."""


def captioning(images: ImageSet, concept: Concept) -> Task:
    """Every image is captioned, and its references are what a caption is compared with.

    Of the selection images every other one ranks heads and the rest choose doses; held-out images measure.

    Raises:
        ValueError: If the images have no captions, or are too few.
    """
    for image in images.images:
        if not image.captions:
            raise ValueError(
                f"image {image.name} of {images.name} has no captions; captioning compares what a model writes with "
                "captions that people wrote"
            )
    needed: dict[ImageSplit, int] = {"selection": 2 * FEWEST, "heldout": FEWEST}  # half of them choose the dose
    for split, least in needed.items():
        found = len(images.of(split))
        if found < least:
            raise ValueError(
                f"captioning needs at least {least} {split} images, but takes {found} of {images.name}; raise "
                "--images and --selection-images, or give more data"
            )
    return Task(
        name="captioning",
        concept=concept,
        questions=tuple(_question(images, image) for image in images.images),
        neutral_texts=neutral_texts(),
        remarks=left_out(images),
    )


def _question(images: ImageSet, image: LabelledImage) -> Question:
    split: Split = "ranking" if image.split == "selection" else "heldout"
    prompt = ImagePrompt(images.caption_request, image.image)
    return Question(prompt, image.captions, "target", "caption", image.name, split, image_name=image.name)
