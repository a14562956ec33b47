"""Small copies of a study's images and recordings, kept beside its results: the page is made from them alone."""

import io
from pathlib import Path

from headpursuit.extras import optional
from headpursuit.media import AudioPrompt, ImagePrompt, open_image, open_sound
from headpursuit.storage import write_bytes
from headpursuit.studies.tasks import Task

LARGEST = 96
"""Pixels of the longer side."""

FOLDER = "images"

SOUNDS = "sounds"

RATE = 16000
"""Frames a second of recordings."""


def write_thumbnails(task: Task, folder: Path) -> dict[str, str]:
    """Write a small copy of every held-out image and recording, unless it is there.

    Returns:
        By the image's or recording's name in its set, the file in the study's folder.

    Raises:
        FileNotFoundError: If one is missing.
        ValueError: If it cannot be read; the text names it.
    """
    files: dict[str, str] = {}
    for question in task.heldout:
        prompt = question.prompt
        if question.image_name in files or not isinstance(prompt, ImagePrompt | AudioPrompt):
            continue
        place = f"{FOLDER}/{len(files) + 1:04}.png" if isinstance(prompt, ImagePrompt) else ""
        name = files[question.image_name] = place or f"{SOUNDS}/{len(files) + 1:04}.ogg"
        if not (folder / name).exists():
            (folder / name).parent.mkdir(exist_ok=True)
            made = _thumbnail(prompt) if isinstance(prompt, ImagePrompt) else _compressed(prompt)
            write_bytes(folder / name, made)
    return files


def _thumbnail(prompt: ImagePrompt) -> bytes:
    small = open_image(prompt.image).copy()
    small.thumbnail((LARGEST, LARGEST))
    buffer = io.BytesIO()
    small.save(buffer, format="PNG")
    return buffer.getvalue()


def _compressed(prompt: AudioPrompt) -> bytes:
    buffer = io.BytesIO()
    optional("soundfile").write(buffer, open_sound(prompt.audio, RATE), RATE, format="OGG", subtype="VORBIS")
    return buffer.getvalue()
