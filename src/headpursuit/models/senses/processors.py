"""A checkpoint's processor: what turns images, sound and text into what a model reads."""

import inspect
from typing import Any

from torch import Tensor
from transformers import AutoProcessor, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
from transformers.utils import cached_file

from headpursuit.models.anatomy import Probe, decoder_probe, input_device
from headpursuit.models.checkpoints import hears, listens
from headpursuit.models.senses.hearing import HEARING
from headpursuit.models.senses.sense import Sense

_FILES = ("processor_config.json", "preprocessor_config.json")

_PROBE_TEXT = "a probe of seven words or more, nothing else"


def find_processor(config: PreTrainedConfig, source: str, options: dict[str, Any]) -> Any:
    """The processor of a model that sees or hears; None if the checkpoint is to be loaded as a text model.

    Raises:
        ValueError: If it is such a model, and its processor is missing or reads no images, or no sound.
    """
    if hears(config) or listens(config):
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
    """The processor of a model that hears; None for one that reads text as well, and came without."""
    if not any(_is_there(source, name, options) for name in _FILES):
        if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and not hears(config):
            return None
        raise ValueError(
            f"{config.model_type} listens, but what prepares sound for it is missing; put the file {_FILES[1]} (or "
            f"{_FILES[0]}) that it was published with beside config.json"
        )
    processor = AutoProcessor.from_pretrained(source, **options)
    if HEARING.part(processor) is None or not hasattr(processor, "tokenizer"):
        raise ValueError(f"its processor, a {type(processor).__name__}, prepares no sound, or has no tokenizer")
    return processor


def _is_there(source: str, name: str, options: dict[str, Any]) -> bool:
    revision = {name: value for name, value in options.items() if name == "revision"}
    return cached_file(source, name, _raise_exceptions_for_missing_entries=False, **revision) is not None


def _is_text_model(config: PreTrainedConfig) -> bool:
    """True for a text model of a family with vision."""
    has_vision = any(hasattr(config, name) for name in ("vision_config", "vq_config"))
    return type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and not has_vision


def probes(sense: Sense, processor: Any, network: PreTrainedModel) -> tuple[Probe, ...]:
    """A short text about something, for the forward passes that heads are looked for in.

    Returns:
        The inputs for it alone, and as the last of two prompts, the other with a longer text and something of another
        size. An encoder-decoder gets some tokens for its decoder.
    """
    place = "" if sense.places_itself(processor) else f"{sense.placeholder(processor)} "
    texts = [f"{place}{_PROBE_TEXT}{more}" for more in (" and more" * 5, "")]
    examples = sense.examples(processor)
    both = (
        processed(sense, processor, network, some_texts, some, special=True)
        for some_texts, some in ((texts[1:], examples[1:]), (texts, examples))
    )
    return tuple(_with_decoder(network, given) for given in both)


def encoder_probes(sense: Sense, processor: Any, network: PreTrainedModel) -> tuple[Probe, ...]:
    """`probes` for an encoder that reads no text.

    Where others of another size cannot stand beside it, it stays alone.
    """
    examples = sense.examples(processor)
    alone = _with_decoder(network, prepared(sense, processor, network, examples[1:]))
    if sense.fills(processor):
        return (alone,)
    try:
        return alone, _with_decoder(network, prepared(sense, processor, network, examples))
    except ValueError:
        return (alone,)


def _with_decoder(network: PreTrainedModel, given: Probe) -> Probe:
    if not network.config.is_encoder_decoder:
        return given
    rows = next(value.shape[0] for value in given.values())
    return given | {"decoder_input_ids": decoder_probe(network).expand(rows, -1)}


def prepared(sense: Sense, processor: Any, network: PreTrainedModel, media: list[Any]) -> dict[str, Tensor]:
    """Inputs of an encoder that reads no text, for images or recordings, which are of one size unless it fills them up.

    Raises:
        ValueError: If they cannot be prepared; the text says why.
    """
    part = sense.part(processor)
    try:
        made = part(media, return_tensors="pt", **sense.options(processor))
    except (ValueError, TypeError, RuntimeError, IndexError) as error:
        raise ValueError(f"{type(part).__name__} cannot prepare the {sense.modality.noun}: {_reason(error)}") from error
    return _taken(made, network)


def processed(
    sense: Sense, processor: Any, network: PreTrainedModel, texts: list[str], media: list[Any], special: bool
) -> dict[str, Tensor]:
    """Run the processor on texts with a placeholder each, and one image or recording each.

    Of what it makes, what the network takes is kept, on the network's device and in its dtype. The tokenizer adds its
    special tokens if `special`.

    Raises:
        ValueError: If the processor cannot read them.
    """
    given = {sense.argument: sense.whole(media), **sense.options(processor)}
    special = special and not sense.places_itself(processor)
    around = sense.around({"padding": True, "add_special_tokens": special})
    try:
        made = processor(text=texts, return_tensors="pt", **around, **given)
    except (ValueError, TypeError, KeyError, IndexError, RuntimeError) as error:
        raise ValueError(
            f"{type(processor).__name__} cannot read text and {sense.modality.noun} together: {_reason(error)}"
        ) from error
    return _taken(made, network)


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _taken(made: Any, network: PreTrainedModel) -> dict[str, Tensor]:
    """Of what a processor made, what the network takes, where and as it computes."""
    takes, device = inspect.signature(network.forward).parameters, input_device(network)
    kept = {n: v for n, v in made.items() if n in takes and n != "labels" and isinstance(v, Tensor)}
    return {n: v.to(device, network.dtype if v.is_floating_point() else v.dtype) for n, v in kept.items()}
