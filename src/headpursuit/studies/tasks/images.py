"""Tasks about images: what is in each, in a word (image-classification) or in a sentence (captioning).

Heads for the words of the classes, or of a concept, are ranked on other images.
"""

from collections.abc import Iterator
from pathlib import Path

from headpursuit.concepts import Concept
from headpursuit.media import ImagePrompt, ImageSet, LabelledImage
from headpursuit.media import Split as ImageSplit
from headpursuit.studies.tasks.task import Group, Question, Split, Task, neutral_texts
from headpursuit.studies.text.metrics import contains
from headpursuit.words import compared

FEWEST = 4
"""Images of each split of the task: with fewer, almost every word is said of all of them, and CIDEr counts none."""


def image_classification(images: ImageSet) -> Task:
    """Target questions ask for each image's class, unrelated ones for what else is known about it.

    The concept is the words of all classes. Selection images choose heads and (every other one) the dose, held-out
    images measure. A question whose accepted answer is a word of some class is not unrelated, and left out.

    Raises:
        ValueError: If the set has fewer than two classes, an image without a class, or a split without images.
    """
    _check_classes(images)
    words = tuple(word for words in images.classes.values() for word in words)
    return Task(
        name="image-classification",
        concept=Concept(Path(images.name).name, words, description=f"the classes of {images.name}"),
        questions=tuple(q for image in images.images for q in _class_questions(images, image, words)),
        neutral_texts=neutral_texts(),
        classes=images.classes,
        metric="first-named",
        remarks=left_out(images) + _shared_words(images),
    )


def left_out(images: ImageSet) -> tuple[str, ...]:
    """Images and files that could not be used, in sentences."""
    if not images.skipped:
        return images.remarks
    first = "; ".join(images.skipped[:3]) + ("; and others" if len(images.skipped) > 3 else "")
    return (f"{len(images.skipped)} images were left out, because they cannot be opened: {first}.", *images.remarks)


def _check_classes(images: ImageSet) -> None:
    if len(images.classes) < 2:
        raise ValueError(
            f"the images of {images.name} have {len(images.classes)} classes; classifying needs at least 2"
        )
    for label, words in images.classes.items():
        if not any(map(compared, words)):
            raise ValueError(f"class {label!r} of {images.name} has no word that an answer can name; rename it")
    for image in images.images:
        if image.label not in images.classes:
            raise ValueError(
                f"image {image.name} of {images.name} has the label {image.label!r}, which is none of the set's classes"
            )
    for split in ("selection", "heldout"):
        if not images.of(split):
            raise ValueError(f"{images.name} has no {split} images; heads are chosen on some and measured on others")


def _shared_words(images: ImageSet) -> tuple[str, ...]:
    """Words that name several classes, in a sentence: answers are booked for one of them."""
    named: dict[str, set[str]] = {}
    for label, words in images.classes.items():
        for word in filter(None, map(compared, words)):
            named.setdefault(" ".join(word), set()).add(label)
    shared = [f"{word!r} ({', '.join(sorted(labels))})" for word, labels in named.items() if len(labels) > 1]
    if not shared:
        return ()
    return (f"Words that name several classes count for the first of them: {'; '.join(shared)}.",)


def _class_questions(images: ImageSet, image: LabelledImage, words: tuple[str, ...]) -> Iterator[Question]:
    label = image.label or ""

    def asked(text: str, answers: tuple[str, ...], group: Group, subject: str, label: str = "") -> Question:
        split: Split = "ranking" if image.split == "selection" else "heldout"
        return Question(ImagePrompt(text, image.image), answers, group, subject, image.name, split, label, image.name)

    yield asked(images.question, images.classes[label], "target", "class", label)
    for question in image.questions:
        if not any(contains(word, question.answers) for word in words):
            yield asked(question.text, question.answers, "unrelated", question.subject)


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
                "`images` and `selection_images`, or give more data"
            )
    return Task(
        name="captioning",
        concept=concept,
        questions=tuple(_caption_question(images, image) for image in images.images),
        neutral_texts=neutral_texts(),
        remarks=left_out(images),
    )


def _caption_question(images: ImageSet, image: LabelledImage) -> Question:
    split: Split = "ranking" if image.split == "selection" else "heldout"
    prompt = ImagePrompt(images.caption_request, image.image)
    return Question(prompt, image.captions, "target", "caption", image.name, split, image_name=image.name)
