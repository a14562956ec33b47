"""The capture that is made where none is given."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random

from headpursuit.analysis import Capture, CaptureConfig, capture, identify, sha256_of_prompts
from headpursuit.media import ImagePrompt, Prompt
from headpursuit.media.images.loading import load_images
from headpursuit.models import LanguageModel
from headpursuit.storage import MANIFEST
from headpursuit.studies import load_task

TASKS = (
    "countries-qa",
    "capitals",
    "animals",
    "colours",
    "elements",
    "languages",
    "months",
    "nationalities",
    "numbers",
    "weekdays",
)
"""Their ranking prompts are captured together, so that heads of many concepts have something to write."""

_EACH = 40
"""Prompts of each task, at most."""

_IMAGES = 80


def default_prompts(model: LanguageModel) -> list[Prompt]:
    """The prompts that `explore` captures where it is given no capture.

    Of a text model: up to 40 ranking prompts of each of ten shipped tasks, from countries to weekdays. Of a model that
    sees: 80 rendered scenes, asked for a description.
    """
    if model.sees_images:
        images = load_images("scenes", limit=_IMAGES)
        return [ImagePrompt(images.caption_request, image.image) for image in images.of("selection")]
    tasks = [load_task(name) for name in TASKS]
    # What ranks heads for one task may be what another one measures on.
    heldout = {question.prompt for task in tasks for question in task.heldout}
    found: list[Prompt] = []
    for task in tasks:
        prompts = sorted(set(task.ranking_prompts) - heldout, key=str)
        found += Random(task.name).sample(prompts, min(_EACH, len(prompts)))
    return found


def default_config(model: LanguageModel) -> CaptureConfig:
    """The last prompt position of texts; the positions of the answer about an image, in a chat."""
    if model.sees_images:
        return CaptureConfig(positions="generated", chat=True, max_new_tokens=24)
    return CaptureConfig()


def default_capture(
    model: LanguageModel, folder: Path, progress: Callable[[int, int], None] | None = None
) -> tuple[Capture, Sequence[Prompt], Path]:
    """The capture of `default_prompts`, made once and then read back.

    Args:
        model: The model.
        folder: Where captures are kept.
        progress: Told how many prompts are done, and of how many.

    Returns:
        The capture, its prompts, and the folder it is in.

    Raises:
        ValueError: If what is kept is damaged; the text names it.
    """
    prompts, config = default_prompts(model), default_config(model)
    weights = identify(model)
    content = f"{sha256_of_prompts(prompts)} {config} {weights.unembedding_sha256} {weights.heads_sha256}"
    place = folder / f"capture-{Path(model.name or 'model').name}-{sha256(content.encode()).hexdigest()[:8]}"
    if (place / MANIFEST).exists():
        return Capture.load(place), prompts, place
    return capture(model, prompts, config, output=place, resume=True, progress=progress), prompts, place
