"""Hearing: sounds, as models read them."""

from typing import Any

import numpy as np
from transformers import WhisperFeatureExtractor

from headpursuit.media import AUDIO, check_sound, open_sound, sound_seconds
from headpursuit.models.senses.sense import Sense

_SECONDS = (0.8, 0.5)

_USUAL_RATE = 16000
"""Frames a second, where what prepares sound does not tell."""


def rate_of(processor: Any) -> int:
    """Frames of sound a second that a model hears."""
    return int(getattr(HEARING.part(processor), "sampling_rate", _USUAL_RATE))


def longest_sound(processor: Any) -> float | None:
    """Seconds that are heard at once; None where any length is taken.

    What prepares sound for Whisper fills shorter sound up to that, and cuts longer one off; some processors cut sound
    up before, and give it to that in parts.
    """
    part = HEARING.part(processor)
    longest = getattr(processor, "max_audio_len", None)
    if longest is None and type(part) is WhisperFeatureExtractor:
        return float(part.n_samples / rate_of(processor))
    return None if longest is None else float(longest)


def _tones(processor: Any) -> list[np.ndarray]:
    """Short tones."""
    rate = rate_of(processor)
    times = [np.arange(int(seconds * rate)) / rate for seconds in _SECONDS]
    return [(0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32) for time in times]


HEARING = Sense(
    AUDIO,
    verb="hears",
    lacking="is sound, but {} does not hear; give a model that does, such as Whisper",
    parts=("feature_extractor", "audio_processor"),
    argument="audio",
    inputs=("input_features", "input_values", "audio_input_features"),
    token="audio_token",
    token_ids=("audio_token_id", "audio_token_index"),
    config="audio_config",
    placing=(),
    alone=True,
    check=lambda processor, source: check_sound(source, longest_sound(processor)),
    read=lambda processor, source: open_sound(source, rate_of(processor)),
    size=lambda processor, source: (round(sound_seconds(source) * rate_of(processor)),),
    fills=lambda processor: longest_sound(processor) is not None,
    whole=lambda waves: waves,
    options=lambda processor: {"sampling_rate": rate_of(processor)},
    around=lambda options: {"text_kwargs": options},  # sound is filled up in ways of its own
    examples=_tones,
)
