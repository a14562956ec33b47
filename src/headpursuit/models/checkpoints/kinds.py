"""The class that opens a checkpoint as all that it is; families that would be opened as less are refused."""

from typing import Any

from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForSeq2SeqLM,
    AutoModelForSpeechSeq2Seq,
    PreTrainedConfig,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING,
)

_ANYWAY = "`hp.rescale(network, edit)` takes the transformers model itself"


def auto_class(config: PreTrainedConfig, processor: Any = None) -> Any:
    """The Auto class of transformers for a checkpoint, with its processor if it sees or hears.

    Encoder-decoders are opened whole: Whisper with its ears, BART with what it reads. A decoder that was saved by
    itself says so in its config, and is a causal language model.

    Raises:
        ValueError: Naming the family, if no class opens all of it.
    """
    kind, family, translates = type(config), config.model_type, getattr(config, "is_encoder_decoder", False)
    if kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return AutoModelForImageTextToText if processor is not None else AutoModelForCausalLM
    if hears(config):
        return AutoModelForSpeechSeq2Seq
    if kind in MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING and translates:
        return AutoModelForSeq2SeqLM  # it was saved as what translates text
    if kind in MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING or _has_ears(config):
        raise ValueError(
            f"{family} listens, but not as an encoder-decoder that hears, like Whisper; only such models are opened "
            f"with their ears; {_ANYWAY}"
        )
    if not translates:
        return AutoModelForCausalLM
    if kind in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        return AutoModelForSeq2SeqLM
    raise ValueError(f"{family} is an encoder-decoder that writes no text; only its decoder would be opened; {_ANYWAY}")


def hears(config: PreTrainedConfig) -> bool:
    """True for an encoder-decoder that hears, and writes."""
    if type(config) not in MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING or not getattr(config, "is_encoder_decoder", False):
        return False
    named = config.architectures or ()
    return not any("TextToText" in name for name in named)


def _has_ears(config: PreTrainedConfig) -> bool:
    """True for a config with an audio part that no causal language model of its family reads."""
    return hasattr(config, "audio_config") and type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING
