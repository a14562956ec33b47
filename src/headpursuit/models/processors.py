"""A checkpoint's processor: what turns pictures and text into what a vision-language model reads."""

import inspect
from typing import Any

from PIL import Image
from torch import Tensor
from transformers import AutoProcessor, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
from transformers.utils import cached_file

from headpursuit.models.anatomy import Probe, input_device

_FILES = ("processor_config.json", "preprocessor_config.json")

_PROBE_SIZES, _PROBE_TEXT = ((84, 56), (56, 84)), "a probe of seven words or more, nothing else"


def find_processor(config: PreTrainedConfig, source: str, options: dict[str, Any]) -> Any:
    """The processor of a vision-language model; None if the checkpoint is to be loaded as a text model.

    Raises:
        ValueError: If it is a vision-language model whose processor is missing or reads no images.
    """
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
    takes, device = inspect.signature(network.forward).parameters, input_device(network)
    kept = {n: v for n, v in made.items() if n in takes and n != "labels" and isinstance(v, Tensor)}
    return {n: v.to(device, network.dtype if v.is_floating_point() else v.dtype) for n, v in kept.items()}
