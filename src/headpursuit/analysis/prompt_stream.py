"""A stream of prompts as a whole: what tells it from others, and the images and sounds of it that cannot be read."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from headpursuit.conversations import Conversation
from headpursuit.media import (
    AudioPrompt,
    ImagePrompt,
    ImageSource,
    Prompt,
    Sound,
    SoundSource,
    StoredImage,
    checked,
    open_sound,
)
from headpursuit.media.images.opening import open_image

_ANY_RATE = 16000
"""A rate that sounds are read at, to see whether they can be."""

_READ = 1 << 16
"""Bytes of a file that are hashed, beside its size: enough to tell files apart, cheap for a million of them."""


def sha256_of_prompts(prompts: Collection[Prompt]) -> str:
    """Hash of all prompts in order, and of what their images and sounds hold.

    Raises:
        TypeError: If one is no prompt; the text has its number.
    """
    digest = hashlib.sha256()
    for prompt in checked(prompts):
        if isinstance(prompt, str):
            digest.update(f"{len(prompt)} {prompt}".encode(errors="surrogatepass"))
        elif isinstance(prompt, AudioPrompt):
            digest.update(b"sound ")
            digest.update(_content_of(prompt.audio))
        elif isinstance(prompt, Conversation):
            digest.update(f"messages {json.dumps(prompt.to_json())} ".encode())
        else:
            digest.update(f"image {len(prompt.text)} {prompt.text} ".encode())
            digest.update(_content_of(prompt.image))
    return digest.hexdigest()


def _content_of(source: ImageSource | SoundSource) -> bytes:
    """Bytes that tell an image or a sound from others; a file that is not there is told by its name."""
    if isinstance(source, StoredImage):
        content = source.read()
        return f"{source.name} {len(content)} ".encode() + hashlib.sha256(content[:_READ]).digest()
    if isinstance(source, Sound):
        return f"{source.rate} {source.values.shape} ".encode() + hashlib.sha256(source.values.tobytes()).digest()
    if not isinstance(source, Path):
        return f"{source.mode} {source.size} ".encode() + hashlib.sha256(source.tobytes()).digest()
    if not source.is_file():
        return source.name.encode()
    with source.open("rb") as file:
        return f"{source.name} {source.stat().st_size} ".encode() + hashlib.sha256(file.read(_READ)).digest()


def check_files(prompts: Iterable[Prompt]) -> None:
    """Find files of images and sounds that are missing before a model is loaded.

    Raises:
        FileNotFoundError: If one is; the text names the prompt and the file.
    """
    for number, prompt in enumerate(prompts, start=1):
        what, file = _file_of(prompt)
        if file is not None and not file.is_file():
            raise FileNotFoundError(f"prompt {number}: there is no {what} {file}; mend the path, or `skip_bad=True`")


def _file_of(prompt: Prompt) -> tuple[str, Path | None]:
    """The file beside a prompt's text, and what it is of; None if there is none."""
    if isinstance(prompt, AudioPrompt):
        return "sound file", prompt.audio if isinstance(prompt.audio, Path) else None
    if isinstance(prompt, ImagePrompt):
        return "image", prompt.image if isinstance(prompt.image, Path) else None
    return "", None


def check_chat(prompts: Iterable[Prompt], chat: bool) -> None:
    """Find conversations that have no chat template to go into, before a model is loaded.

    Raises:
        ValueError: If there is one, and `chat` is not asked for.
    """
    number = 0 if chat else next((n for n, one in enumerate(prompts, start=1) if isinstance(one, Conversation)), 0)
    if number:
        raise ValueError(f"prompt {number} is a conversation, which only the chat template can write; give `chat=True`")


@dataclass(frozen=True)
class Readable(Collection[Prompt]):
    """Prompts without some of them."""

    prompts: Collection[Prompt]
    left_out: frozenset[int]
    """Their numbers, from 0."""

    def __len__(self) -> int:
        return len(self.prompts) - len(self.left_out)

    def __iter__(self) -> Iterator[Prompt]:
        return (prompt for number, prompt in enumerate(self.prompts) if number not in self.left_out)

    def __contains__(self, prompt: object) -> bool:
        return any(prompt == other for other in self)


def readable(prompts: Collection[Prompt], skipped: Callable[[str], None]) -> Collection[Prompt]:
    """Leave out prompts whose images or sounds are missing or cannot be decoded; each is opened once for that.

    Args:
        prompts: Texts, texts with an image, and sounds.
        skipped: Told about each prompt that is left out, in one line that names the prompt and the file.

    Raises:
        ValueError: If none is left.
    """
    left_out = set()
    for number, prompt in enumerate(prompts):
        try:
            if isinstance(prompt, ImagePrompt):
                open_image(prompt.image)
            elif isinstance(prompt, AudioPrompt):
                open_sound(prompt.audio, _ANY_RATE)
        except (OSError, ValueError) as error:
            left_out.add(number)
            skipped(f"prompt {number + 1} is skipped: {error}")
    if len(left_out) == len(prompts):
        raise ValueError("no prompt is left: none of the images or sounds can be read")
    return Readable(prompts, frozenset(left_out)) if left_out else prompts
