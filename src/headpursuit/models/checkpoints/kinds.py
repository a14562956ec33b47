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

_SPOKEN = (MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING, MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING)
"""The lists of transformers that have decoders which hear."""

_EARS = ("encoder_config", "acoustic_tokenizer_encoder_config")
"""Names that some families give to what others call `audio_config`."""

_ANYWAY = "`hp.rescale(network, edit)` takes the transformers model itself"

_SPEAKS = "writes sound, not text"
_IN_PARTS = "has no forward pass of its own; the thinker inside, which writes the text, is a class of its own"
_BY_CONVERSATION = "hears only within conversations that the package mistral-common writes"

UNREAD = {
    "dia": _SPEAKS,
    "kyutai_speech_to_text": "reads sound as codes beside every word that it writes, and not before them",
    "qwen2_5_omni": _IN_PARTS,
    "qwen3_omni_moe": _IN_PARTS,
    "pop2piano": "writes notes of a piano, not text",
    "udop": "reads words with their boxes on a page, which prompts do not have",
    "vibevoice": _SPEAKS,
    "vibevoice_asr": "draws noise for every sound that it hears, so that no two answers are alike",
    "voxtral": _BY_CONVERSATION,
    "voxtral_realtime": _BY_CONVERSATION,
}
"""Families of encoder-decoders and of models that listen whose prompts cannot be written, by model type, and why."""


def auto_class(config: PreTrainedConfig, processor: Any = None) -> Any:
    """The Auto class of transformers for a checkpoint, with its processor if it sees or hears.

    Encoder-decoders are opened whole: Whisper with its ears, BART with what it reads; and decoders with what they hear
    through places in their text. A decoder that was saved by itself says so in its config, and is a causal language
    model.

    Raises:
        ValueError: Naming the family, if no class opens all of it.
    """
    kind, family, translates = type(config), config.model_type, getattr(config, "is_encoder_decoder", False)
    if family in UNREAD:
        raise ValueError(f"{family} cannot be asked: it {UNREAD[family]}; {_ANYWAY}")
    if kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return AutoModelForImageTextToText if processor is not None else AutoModelForCausalLM
    if hears(config):
        return AutoModelForSpeechSeq2Seq
    if kind in MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING and translates:
        return AutoModelForSeq2SeqLM  # it was saved as what translates text
    if listens(config):
        known = zip(_SPOKEN, (AutoModelForSeq2SeqLM, AutoModelForSpeechSeq2Seq), strict=True)
        return next((auto for mapping, auto in known if kind in mapping), AutoModelForCausalLM)
    if _has_ears(config):
        raise ValueError(f"{family} listens, but no class of transformers opens it with its ears; {_ANYWAY}")
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


def listens(config: PreTrainedConfig) -> bool:
    """True for a decoder that hears through places in its text, and is not opened as one that sees."""
    kind = type(config)
    if getattr(config, "is_encoder_decoder", False) or kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return False
    if hasattr(config, "audio_config"):
        return any(kind in mapping for mapping in (*_SPOKEN, MODEL_FOR_CAUSAL_LM_MAPPING))
    return any(hasattr(config, name) for name in _EARS) and any(kind in mapping for mapping in _SPOKEN)


def _has_ears(config: PreTrainedConfig) -> bool:
    """True for a config with an audio part that no causal language model of its family reads."""
    return hasattr(config, "audio_config") and type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING
