"""A checkpoint's processor: what turns pictures, sound and text into what a model reads."""

import inspect
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from transformers import AutoProcessor, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
from transformers.utils import cached_file

from headpursuit.models.anatomy import Probe, decoder_probe, input_device
from headpursuit.models.checkpoints import hears

_FILES = ("processor_config.json", "preprocessor_config.json")

_PROBE_SIZES, _PROBE_TEXT = ((84, 56), (56, 84)), "a probe of seven words or more, nothing else"


def find_processor(config: PreTrainedConfig, source: str, options: dict[str, Any]) -> Any:
    """The processor of a model that sees or hears; None if the checkpoint is to be loaded as a text model.

    Raises:
        ValueError: If it is such a model, and its processor is missing or reads no images, or no sound.
    """
    if hears(config):
        return _hearing(config, source, options)
    if type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return None
    if not any(_is_there(source, name, options) for name in _FILES):
        if _is_text_model(config):
            return None
        raise ValueError(
            f"{config.model_type} is a vision-language model, but its image processor is missing; put the files "
            f"{' and '.join(_FILES)} that it was published with beside config.json"
        )
    processor = AutoProcessor.from_pretrained(source, **options)
    if not hasattr(processor, "image_processor"):
        raise ValueError(f"its processor, a {type(processor).__name__}, reads no images")
    return processor


def _hearing(config: PreTrainedConfig, source: str, options: dict[str, Any]) -> Any:
    """The processor of a model that hears."""
    if not any(_is_there(source, name, options) for name in _FILES):
        raise ValueError(
            f"{config.model_type} listens, but what prepares sound for it is missing; put the file {_FILES[1]} (or "
            f"{_FILES[0]}) that it was published with beside config.json"
        )
    processor = AutoProcessor.from_pretrained(source, **options)
    if not hasattr(processor, "feature_extractor") or not hasattr(processor, "tokenizer"):
        raise ValueError(f"its processor, a {type(processor).__name__}, prepares no sound, or has no tokenizer")
    return processor


def _is_there(source: str, name: str, options: dict[str, Any]) -> bool:
    revision = {name: value for name, value in options.items() if name == "revision"}
    return cached_file(source, name, _raise_exceptions_for_missing_entries=False, **revision) is not None


def _is_text_model(config: PreTrainedConfig) -> bool:
    """True for a text model of a family with vision."""
    has_vision = any(hasattr(config, name) for name in ("vision_config", "vq_config"))
    return type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and not has_vision


def placeholder_of(processor: Any) -> str:
    """The placeholder of an image in a text, such as `<image>`.

    Raises:
        ValueError: If the processor does not tell.
    """
    # In older versions of transformers, Gemma 3's image token is what its placeholder is replaced by.
    name = "boi_token" if type(processor).__name__ == "Gemma3Processor" else "image_token"
    found = getattr(processor, name, None)
    if not found:
        raise ValueError(f"a {type(processor).__name__} does not tell what stands for an image in a text (image_token)")
    return str(found)


def image_probe(processor: Any, network: PreTrainedModel) -> tuple[Probe, Probe]:
    """A short text about a picture, for the forward passes that heads are looked for in.

    Returns:
        The inputs for it alone, and as the last of two prompts, the other with a longer text and a wider picture.
    """
    texts = [f"{placeholder_of(processor)} {_PROBE_TEXT}{more}" for more in (" and more" * 5, "")]
    pictures = [Image.linear_gradient("L").resize(size).convert("RGB") for size in _PROBE_SIZES]
    alone = processed(processor, network, texts[1:], pictures[1:], special=True)
    return alone, processed(processor, network, texts, pictures, special=True)


_PROBE_SECONDS = 0.5


def hearing_probe(processor: Any, network: PreTrainedModel) -> tuple[Probe, ...]:
    """A short tone, and a few tokens for the decoder, for the forward passes that heads are looked for in."""
    rate = rate_of(processor)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(_PROBE_SECONDS * rate)) / rate)
    return ({**heard(processor, network, [tone.astype(np.float32)]), "decoder_input_ids": decoder_probe(network)},)


def rate_of(processor: Any) -> int:
    """Frames of sound a second that a model hears."""
    return int(processor.feature_extractor.sampling_rate)


def longest_sound(processor: Any) -> float | None:
    """Seconds that are heard at once, where shorter sound is filled up to that; None where any length is taken."""
    length = getattr(processor.feature_extractor, "n_samples", None)
    return None if length is None else length / rate_of(processor)


def heard(processor: Any, network: PreTrainedModel, waves: list[np.ndarray]) -> dict[str, Tensor]:
    """Inputs of a model for recordings at its rate, which are of one length unless it fills them up.

    Raises:
        ValueError: If they cannot be prepared; the text says why.
    """
    prepare = processor.feature_extractor
    try:
        made = prepare(waves, sampling_rate=rate_of(processor), return_tensors="pt")
    except (ValueError, TypeError, RuntimeError, IndexError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{type(prepare).__name__} cannot prepare the sound: {reason}") from error
    return _taken(made, network)


def processed(
    processor: Any, network: PreTrainedModel, texts: list[str], images: list[Image.Image], special: bool
) -> dict[str, Tensor]:
    """Run the processor on texts with a placeholder each, and one picture each.

    Of what it makes, what the network takes is kept, on the network's device and in its dtype. The tokenizer adds its
    special tokens if `special`.

    Raises:
        ValueError: If the processor cannot read them.
    """
    try:
        made = processor(
            text=texts,
            images=[[image] for image in images],
            return_tensors="pt",
            padding=True,
            add_special_tokens=special,
        )
    except (ValueError, TypeError, KeyError, IndexError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{type(processor).__name__} cannot read text and image together: {reason}") from error
    return _taken(made, network)


def _taken(made: Any, network: PreTrainedModel) -> dict[str, Tensor]:
    """Of what a processor made, what the network takes, where and as it computes."""
    takes, device = inspect.signature(network.forward).parameters, input_device(network)
    kept = {n: v for n, v in made.items() if n in takes and n != "labels" and isinstance(v, Tensor)}
    return {n: v.to(device, network.dtype if v.is_floating_point() else v.dtype) for n, v in kept.items()}
