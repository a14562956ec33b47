"""Images with what is known about them: labels, captions, questions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from PIL.Image import Image

Split = Literal["selection", "heldout"]


@dataclass(frozen=True)
class ImageQuestion:
    """A question about an image that has nothing to do with its label."""

    text: str
    answers: tuple[str, ...]
    subject: str
    """The thing asked for, such as `colour`."""


@dataclass(frozen=True)
class LabelledImage:
    """One image, and what is known about it."""

    name: str
    """Unique in its set: a file's name, or a number."""
    image: Path | Image
    split: Split
    """`selection` images choose heads and doses, `heldout` ones measure; never both."""
    label: str | None = None
    captions: tuple[str, ...] = ()
    """References that captions are compared with."""
    questions: tuple[ImageQuestion, ...] = ()


@dataclass(frozen=True)
class ImageSet:
    """Images of one kind."""

    name: str
    images: tuple[LabelledImage, ...]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The words that name each label in an answer, the usual one first; empty where images have no labels."""
    question: str = "What is in the image?"
    """Asks for the label."""
    caption_request: str = "Describe the image."
    """Asks for a caption."""
    skipped: tuple[str, ...] = ()
    """Images left out, and why, a line for each."""
    remarks: tuple[str, ...] = ()
    """Everything else that was not read, a sentence each."""

    def of(self, split: Split) -> tuple[LabelledImage, ...]:
        """The images of one split."""
        return tuple(image for image in self.images if image.split == split)
