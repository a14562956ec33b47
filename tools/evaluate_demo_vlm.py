"""Accuracy of the demo model on held-out scenes: `python tools/evaluate_demo_vlm.py`."""

import re
from collections import defaultdict

from headpursuit.media import ImagePrompt, ImageQuestion, ImageSet, LabelledImage, load_images
from headpursuit.models.demo_vlm.ready import DEMO_VLM
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.load import load, quiet
from headpursuit.models.text import answer

_WORDS = r"(?:top|bottom) (?:left|right)|[a-z]+"
"""Places are two words."""


def accuracies(model: LanguageModel, images: ImageSet) -> dict[str, tuple[float, int]]:
    """By subject, the fraction of held-out questions whose answer has the right word, and their number."""
    asked = [(image, question) for image in images.of("heldout") for question in _questions(images, image)]
    prompts = [ImagePrompt(question.text, image.image) for image, question in asked]
    right = defaultdict(list)
    for (_, question), said in zip(asked, answer(model, prompts, chat=True, max_new_tokens=16), strict=True):
        right[question.subject].append(question.answers[0] in re.findall(_WORDS, said.lower()))
    return {subject: (sum(hits) / len(hits), len(hits)) for subject, hits in right.items()}


def _questions(images: ImageSet, image: LabelledImage) -> tuple[ImageQuestion, ...]:
    """The questions about an image, for its label too."""
    if image.label is None:
        return image.questions
    return (*image.questions, ImageQuestion(images.question, images.classes[image.label], "label"))


def main() -> None:
    """Print the figures for both sets."""
    quiet()
    model = load(DEMO_VLM)
    for name in ("digits", "scenes"):
        for subject, (fraction, count) in accuracies(model, load_images(name)).items():
            print(f"{name}, {subject}: {fraction:.3f} of {count}")


if __name__ == "__main__":
    main()
