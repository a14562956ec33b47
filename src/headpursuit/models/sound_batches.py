"""Prompts that are heard: looked at before anything runs, and opened a batch at a time."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from headpursuit.media import AudioPrompt, check_sound, open_sound, sound_seconds
from headpursuit.models.framing import Framing
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.naming import naming_prompt
from headpursuit.models.processors import heard, longest_sound, rate_of


def check_sounds(frame: Framing, prompts: Mapping[int, AudioPrompt]) -> None:
    """Look at prompts that are heard before anything runs: at the headers of their files.

    Raises:
        ExtraMissing: If soundfile is not installed.
        FileNotFoundError: If a file is missing.
        ValueError: If a file is no sound or longer than the model hears, the model has no ears, or a chat template is
            asked for.
    """
    model = frame.model
    for number, prompt in prompts.items():
        if not model.hears:
            raise ValueError(
                f"prompt {number + 1} is sound, but {model.name or 'this model'} does not hear; give a model "
                "that does, such as Whisper"
            )
        if frame.chat is not None:
            raise ValueError(f"prompt {number + 1} is sound, which no chat template can write; leave `chat` out")
        with naming_prompt(number):
            check_sound(prompt.audio, longest_sound(model.processor))


def size_of_sound(model: LanguageModel, prompt: AudioPrompt) -> int:
    """The length in frames that prompts of one batch share; 0 where all are filled up to one length."""
    if longest_sound(model.processor) is not None:
        return 0
    return round(sound_seconds(prompt.audio) * rate_of(model.processor))


def read_sounds(frame: Framing, prompts: Sequence[tuple[int, AudioPrompt]]) -> dict[str, Tensor]:
    """Open the recordings of some prompts, each with its number; what the encoder is given for them.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If one cannot be read; the text names it and its prompt.
    """
    model, waves = frame.model, []
    for number, prompt in prompts:
        with naming_prompt(number):
            waves.append(open_sound(prompt.audio, rate_of(model.processor)))
    return heard(model.processor, model.network, waves)
