"""Small copies of a study's images, kept beside its results: the page is made from them alone."""

import io
from pathlib import Path

from headpursuit.media import ImagePrompt, open_image
from headpursuit.storage import write_bytes
from headpursuit.studies.tasks import Task

LARGEST = 96
"""Pixels of the longer side."""

FOLDER = "images"


def write_thumbnails(task: Task, folder: Path) -> dict[str, str]:
    """Write a small copy of every held-out image, unless it is there.

    Returns:
        By the image's name in its set, the file in the study's folder.

    Raises:
        FileNotFoundError: If an image is missing.
        ValueError: If it cannot be read; the text names it.
    """
    files: dict[str, str] = {}
    for question in task.heldout:
        if not isinstance(question.prompt, ImagePrompt) or question.image_name in files:
            continue
        name = files[question.image_name] = f"{FOLDER}/{len(files) + 1:04}.png"
        if not (folder / name).exists():
            (folder / FOLDER).mkdir(exist_ok=True)
            write_bytes(folder / name, _thumbnail(question.prompt))
    return files


def _thumbnail(prompt: ImagePrompt) -> bytes:
    small = open_image(prompt.image).copy()
    small.thumbnail((LARGEST, LARGEST))
    buffer = io.BytesIO()
    small.save(buffer, format="PNG")
    return buffer.getvalue()
