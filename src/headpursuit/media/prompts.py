"""Prompts about an image, prompts that are heard, and all that may be a prompt."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from headpursuit.conversations import Conversation
from headpursuit.given import collected, each, listed
from headpursuit.media.sources import ImageSource, SoundSource


@dataclass(frozen=True)
class ImagePrompt:
    """A question to a vision-language model about one image."""

    text: str
    """With the model's image placeholder in it where the image belongs; in a chat, the question alone."""
    image: ImageSource
    """A path may be given as text."""

    def __post_init__(self) -> None:
        if isinstance(self.image, str):
            object.__setattr__(self, "image", Path(self.image))


@dataclass(frozen=True)
class AudioPrompt:
    """A recording for a model that listens; what it writes is what it heard."""

    audio: SoundSource
    """A path may be given as text."""

    def __post_init__(self) -> None:
        if isinstance(self.audio, str):
            object.__setattr__(self, "audio", Path(self.audio))

    def __str__(self) -> str:
        return f"[{self.audio}]" if isinstance(self.audio, Path) else "[sound]"


Prompt: TypeAlias = str | ImagePrompt | AudioPrompt | Conversation
"""Text, text with an image, sound, or the messages of a chat: all that a model reads."""

GivenPrompts: TypeAlias = Iterable[Prompt] | ImagePrompt | AudioPrompt | Conversation
"""Prompts in any iterable; one alone, such as a text, is one prompt."""

_GIVEN = ("prompt", Prompt, "a text, an ImagePrompt, an AudioPrompt, a Conversation, or a list of these")


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
