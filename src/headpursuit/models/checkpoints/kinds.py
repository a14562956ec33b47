"""Families that transformers would open as something smaller than they are, or not at all."""

from typing import Any

from transformers import PreTrainedConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING,
)

_ANYWAY = "`hp.rescale(network, edit)` takes the transformers model itself"


def check_kind(config: PreTrainedConfig) -> None:
    """Refuse models that listen, and encoder-decoders that no class for text opens.

    Whisper as a causal language model is a decoder without ears: transformers drops the encoder without a word.
    Encoder-decoders of text (BART and the like) have decoders that are language models by themselves, and stay.

    Raises:
        ValueError: Naming the family.
    """
    kind, family = type(config), config.model_type
    if kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return
    if kind in MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING or _hears(config, kind):
        raise ValueError(f"{family} listens, and headpursuit has no ears yet; {_ANYWAY}")
    decodes, is_causal = getattr(config, "is_encoder_decoder", False), kind in MODEL_FOR_CAUSAL_LM_MAPPING
    if decodes and is_causal and kind not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        raise ValueError(
            f"{family} is an encoder-decoder that writes no text; only its decoder would be opened; {_ANYWAY}"
        )
    if decodes and not is_causal:
        raise ValueError(f"{family} is an encoder-decoder, and headpursuit reads causal language models; {_ANYWAY}")


def _hears(config: PreTrainedConfig, kind: Any) -> bool:
    """True for a config with an audio part that no causal language model of its family reads."""
    return hasattr(config, "audio_config") and kind not in MODEL_FOR_CAUSAL_LM_MAPPING
