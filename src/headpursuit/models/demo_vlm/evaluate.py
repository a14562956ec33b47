"""How often the demo model is right about held-out scenes: `python -m headpursuit.models.demo_vlm.evaluate`."""

from collections import defaultdict

from headpursuit.images import ImagePrompt, ImageSet, load_images
from headpursuit.models.demo_vlm.ready import DEMO_VLM
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.load import load, quiet
from headpursuit.models.text import answer


def accuracies(model: LanguageModel, images: ImageSet) -> dict[str, tuple[float, int]]:
    """By subject, the fraction of held-out questions whose answer has the right word, and their number."""
    asked = [(image, question) for image in images.of("heldout") for question in image.questions]
    if images.classes:
        asked += [(image, None) for image in images.of("heldout")]
    prompts = [ImagePrompt(question.text if question else images.question, image.image) for image, question in asked]
    right = defaultdict(list)
    for (image, question), said in zip(asked, answer(model, prompts, chat=True, max_new_tokens=16), strict=True):
        subject, key = (question.subject, question.answers[0]) if question else ("label", _word(images, image.label))
        right[subject].append(f" {key} " in f" {said.lower().replace('.', ' ').replace(',', ' ')} ")
    return {subject: (sum(hits) / len(hits), len(hits)) for subject, hits in right.items()}


def _word(images: ImageSet, label: str | None) -> str:
    return images.classes[label or ""][0]


def main() -> None:
    """Print the figures for both sets."""
    quiet()
    model = load(DEMO_VLM)
    for name in ("digits", "scenes"):
        for subject, (fraction, count) in accuracies(model, load_images(name)).items():
            print(f"{name}, {subject}: {fraction:.3f} of {count}")


if __name__ == "__main__":
    main()
