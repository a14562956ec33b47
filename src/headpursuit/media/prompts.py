"""All that may be a prompt: texts, texts with an image or a sound, and conversations."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeAlias

from headpursuit.conversations import Conversation
from headpursuit.given import collected, each, listed
from headpursuit.media.modality import AUDIO, IMAGE, Modality
from headpursuit.media.sources import ImageSource, SoundSource, Source


class MediaPrompt(ABC):
    """A text with something of a modality; what is written about prompts reads these names alone."""

    modality: ClassVar[Modality]
    text: str

    @property
    @abstractmethod
    def source(self) -> Source:
        """The image, the sound, ..."""


@dataclass(frozen=True)
class ImagePrompt(MediaPrompt):
    """A question to a vision-language model about one image."""

    modality = IMAGE

    text: str
    """With the model's image placeholder in it where the image belongs; in a chat, the question alone. For a model
    whose encoder reads the image alone (TrOCR, Donut): the beginning of the answer, which may be empty."""
    image: ImageSource
    """A path may be given as text."""

    def __post_init__(self) -> None:
        if isinstance(self.image, str):
            object.__setattr__(self, "image", Path(self.image))

    @property
    def source(self) -> ImageSource:
        """The image."""
        return self.image


@dataclass(frozen=True)
class AudioPrompt(MediaPrompt):
    """A recording for a model that listens, and what is asked about it."""

    modality = AUDIO

    audio: SoundSource
    """A path may be given as text."""
    text: str = ""
    """With the model's placeholder in it where the sound belongs; in a chat, the question alone. Models whose encoder
    hears, like Whisper, take none: what they write is what they heard."""

    def __post_init__(self) -> None:
        if isinstance(self.audio, str):
            object.__setattr__(self, "audio", Path(self.audio))

    @property
    def source(self) -> SoundSource:
        """The sound."""
        return self.audio

    def __str__(self) -> str:
        heard = f"[{self.audio}]" if isinstance(self.audio, Path) else "[sound]"
        return f"{heard} {self.text}".strip()


OF = {kind.modality.name: kind for kind in (ImagePrompt, AudioPrompt)}
"""The kind of prompt of each modality, by its name."""

Prompt: TypeAlias = str | MediaPrompt | Conversation
"""Text, text with an image, sound, or the messages of a chat: all that a model reads."""

GivenPrompts: TypeAlias = Iterable[Prompt] | MediaPrompt | Conversation
"""Prompts in any iterable; one alone, such as a text, is one prompt."""

_GIVEN = ("prompt", Prompt, "a text, an ImagePrompt, an AudioPrompt, a Conversation, or a list of these")


@dataclass(frozen=True)
class Passage:
    """A text as a model writes it behind a prompt: what is said in a recording, or a translation."""

    prompt: Prompt
    text: str

    def __str__(self) -> str:
        return self.text


def prompts_behind(texts: Iterable[str | Passage]) -> list[Prompt]:
    """The prompts that texts are read from: plain ones whole, of the others what they stand behind."""
    return [text.prompt if isinstance(text, Passage) else text for text in texts]


def prompt_about(modality: Modality, text: str, source: Source) -> MediaPrompt:
    """A prompt of a modality."""
    found: MediaPrompt = OF[modality.name](**{"text": text, modality.name: source})  # type: ignore[arg-type]
    return found


def said(prompt: Prompt) -> str:
    """The text of a prompt: of a conversation its messages, of a sound without text its name."""
    return prompt.text if isinstance(prompt, MediaPrompt) and prompt.text else str(prompt)


def prompts_of(given: GivenPrompts) -> tuple[Prompt, ...]:
    """Prompts in the order given.

    Raises:
        TypeError: If one is no prompt; the error has its number.
        ValueError: If there are none, or a text holds what no text can.
    """
    return listed(given, *_GIVEN)


def prompt_stream(given: GivenPrompts) -> Collection[Prompt]:
    """`prompts_of`, but what reads its prompts as it is gone through stays as it is: see `checked`."""
    return collected(given, *_GIVEN)


def checked(prompts: Iterable[Prompt]) -> Iterable[Prompt]:
    """Prompts one by one, with the errors of `prompts_of`."""
    return each(prompts, *_GIVEN)


def texts_of(given: Iterable[str]) -> tuple[str, ...]:
    """`prompts_of` where no image can be read."""
    return listed(given, "prompt", str, "a text, or a list of texts")
