"""Inputs for one forward pass where text alone does not do: images, sound, proteins, and both sides of an encoder.

Whatever an encoder gives has another length than the text, so that queries and keys cannot be mixed up.
"""

import inspect

import torch
from torch import Tensor
from transformers import PreTrainedModel

TEXT_LENGTH = 7
ENCODED_LENGTH = 11
FIRST_WORD = 100  # words lie between the usual special ids (0 to 2) and the placeholders (200 and more)
PLACEHOLDER = 200
IMAGE_SIZE = 28
WAVE_LENGTH = 1600
FRAMES = 80


def probe_for(model_type: str, class_name: str, network: PreTrainedModel) -> dict[str, Tensor] | None:
    """Keyword inputs for the class; None where `input_ids` of any text (and `attention_mask`) suffice."""
    make = PROBES.get(class_name) or PROBES.get(model_type)
    if make:
        return make(network)
    translates = getattr(network.config, "is_encoder_decoder", False)
    if translates and "decoder_input_ids" in inspect.signature(network.forward).parameters:
        return {"input_ids": _words(ENCODED_LENGTH), **_decoder_words()}
    return None


def _words(length: int = TEXT_LENGTH) -> Tensor:
    """One text of different words."""
    return torch.arange(FIRST_WORD, FIRST_WORD + length)[None]


def _after_placeholders(count: int, placeholder: int = PLACEHOLDER) -> Tensor:
    """A text that begins with places for an image."""
    return torch.cat([torch.full((1, count), placeholder), _words()], dim=1)


def _decoder_words() -> dict[str, Tensor]:
    """The decoder's side of a translation."""
    return {"decoder_input_ids": _words()}


def _random(*shape: int) -> Tensor:
    """Normal numbers, the same at every call."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _image(network: PreTrainedModel, *leading: int) -> Tensor:
    """One image of the size the vision tower expects, with further axes after the batch if asked for."""
    vision = getattr(network.config, "vision_config", network.config)
    size = getattr(vision, "image_size", IMAGE_SIZE)
    height, width = (size, size) if isinstance(size, int) else size
    return _random(1, *leading, 3, height, width)


def _image_and_words(network: PreTrainedModel) -> dict[str, Tensor]:
    """The words attend to the image, or the image is not placed among them."""
    return {"pixel_values": _image(network), "input_ids": _words()}


def _image_to_decoder(network: PreTrainedModel) -> dict[str, Tensor]:
    """An image encoder before a text decoder."""
    return {"pixel_values": _image(network), **_decoder_words()}


def _wave_to_decoder(_: PreTrainedModel) -> dict[str, Tensor]:
    """Raw sound before a text decoder."""
    return {"input_values": _random(1, WAVE_LENGTH), **_decoder_words()}


def _frames_to_decoder(network: PreTrainedModel) -> dict[str, Tensor]:
    """A spectrogram, shaped (time, bands), before a text decoder."""
    bands = _setting(network, "input_feat_per_channel", "feature_projection_input_dim", "num_mel_bins")
    return {"input_features": _random(1, FRAMES, bands), **_decoder_words()}


def _setting(network: PreTrainedModel, *names: str) -> int:
    """The first of the named settings that the config or its encoder has."""
    configs = [network.config, *(getattr(network.config, part, None) for part in ("encoder_config", "audio_config"))]
    return next(value for config in configs for name in names if (value := getattr(config, name, None)))


def _whisper(network: PreTrainedModel) -> dict[str, Tensor]:
    """A spectrogram, shaped (bands, time), exactly twice as long as the encoder's positions."""
    config = network.config
    return {"input_features": _random(1, config.num_mel_bins, 2 * config.max_source_positions), **_decoder_words()}


def _voxtral_realtime(network: PreTrainedModel) -> dict[str, Tensor]:
    """Eight frames of sound for each word, added to its embedding."""
    return {"input_ids": _words(), "input_features": _random(1, _setting(network, "num_mel_bins"), 8 * TEXT_LENGTH)}


def _codebooks_in_batch(network: PreTrainedModel) -> dict[str, Tensor]:
    """Codes of several codebooks as rows of a batch."""
    return {"input_ids": torch.stack([_codes() + book for book in range(network.config.num_codebooks)])}


def _codes() -> Tensor:
    """A short sequence of codes of one codebook."""
    return torch.arange(20, 20 + TEXT_LENGTH)


def _kyutai(network: PreTrainedModel) -> dict[str, Tensor]:
    """A word and one code of each codebook at every place."""
    columns = [_codes() + book for book in range(network.config.num_codebooks + 1)]
    return {"input_ids": torch.stack(columns, dim=-1)[None]}


def _dia(network: PreTrainedModel) -> dict[str, Tensor]:
    """Text before a decoder with one code of each channel at every place."""
    channels = [_codes() + channel for channel in range(network.config.decoder_config.num_channels)]
    return {"input_ids": _words(ENCODED_LENGTH), "decoder_input_ids": torch.stack(channels, dim=-1)[None]}


def _blip2(network: PreTrainedModel) -> dict[str, Tensor]:
    """An image that a query transformer turns into a few tokens; the instructed one reads the instruction too."""
    inputs = {"pixel_values": _image(network), "input_ids": _after_placeholders(network.config.num_query_tokens)}
    if "qformer_input_ids" in inspect.signature(network.forward).parameters:
        inputs["qformer_input_ids"] = _words(5)
    return inputs


def _instructblip_video(network: PreTrainedModel) -> dict[str, Tensor]:
    """Two frames, each with its own tokens."""
    config = network.config
    words = _after_placeholders(2 * config.num_query_tokens, config.video_token_index)
    return {"pixel_values": _image(network, 2), "input_ids": words, "qformer_input_ids": _words(5)}


def _kosmos2(network: PreTrainedModel) -> dict[str, Tensor]:
    """An image in the places that a mask marks."""
    count = network.config.latent_query_num
    places = torch.zeros(1, count + TEXT_LENGTH, dtype=torch.long)
    places[:, :count] = 1
    words = _words(count + TEXT_LENGTH)
    return {"pixel_values": _image(network), "input_ids": words, "image_embeds_position_mask": places}


def _idefics(network: PreTrainedModel) -> dict[str, Tensor]:
    """One image that every word may look at."""
    sees = torch.ones(1, TEXT_LENGTH, 1, dtype=torch.long)
    return {"input_ids": _words(), "pixel_values": _image(network, 1), "image_attention_mask": sees}


def _mllama(network: PreTrainedModel) -> dict[str, Tensor]:
    """One image of one tile, so that the cross-attention layers run."""
    tiles = network.config.vision_config.max_num_tiles
    words = _after_placeholders(1, network.config.image_token_id)
    return {
        "input_ids": words,
        "pixel_values": _image(network, 1, tiles),
        "aspect_ratio_ids": torch.tensor([[1]]),
        "aspect_ratio_mask": torch.ones(1, 1, tiles, dtype=torch.long),
        "cross_attention_mask": torch.ones(1, words.shape[1], 1, tiles, dtype=torch.long),
    }


def _mllama_text(network: PreTrainedModel) -> dict[str, Tensor]:
    """What the vision tower would have made of an image, so that the cross-attention layers run."""
    return {"input_ids": _words(), "cross_attention_states": _random(1, 5, network.config.hidden_size)}


def _pix2struct(network: PreTrainedModel) -> dict[str, Tensor]:
    """Six patches, each preceded by its row and column, before a text decoder."""
    patches = _random(1, 6, 2 + network.config.vision_config.patch_embed_hidden_size)
    patches[..., 0] = torch.tensor([1, 1, 2, 2, 3, 3])
    patches[..., 1] = torch.tensor([1, 2, 1, 2, 1, 2])
    return {"flattened_patches": patches, **_decoder_words()}


def _udop(_: PreTrainedModel) -> dict[str, Tensor]:
    """Words with their boxes on a page before a decoder."""
    left_top = torch.linspace(0.1, 0.5, ENCODED_LENGTH)
    boxes = torch.stack([left_top, left_top, left_top + 0.2, left_top + 0.1], dim=-1)
    return {"input_ids": _words(ENCODED_LENGTH), "bbox": boxes[None], **_decoder_words()}


def _pi0(network: PreTrainedModel) -> dict[str, Tensor]:
    """A robot's state, an image and an instruction, with noise to turn into actions."""
    config = network.config
    return {
        "state": _random(1, config.max_state_dim),
        "noise": _random(1, config.chunk_size, config.max_action_dim),
        "timestep": torch.tensor([0.5]),
        "input_ids": _words(),
        "attention_mask": torch.ones(1, TEXT_LENGTH, dtype=torch.long),
        "pixel_values": _random(1, 1, 3, IMAGE_SIZE, IMAGE_SIZE),
        "pixel_attention_mask": torch.ones(1, 1, dtype=torch.bool),
    }


def _evolla(_: PreTrainedModel) -> dict[str, Tensor]:
    """A protein beside the question, so that the adapters run."""
    mask = torch.ones(1, ENCODED_LENGTH, dtype=torch.long)
    return {"input_ids": _words(), "protein_input_ids": _words(ENCODED_LENGTH), "protein_attention_mask": mask}


# class name or model type -> what makes its inputs; the class goes first
PROBES = {
    "MllamaForCausalLM": _mllama_text,
    "MllamaForConditionalGeneration": _mllama,
    "MusicgenForCausalLM": _codebooks_in_batch,
    "MusicgenMelodyForCausalLM": _codebooks_in_batch,
    "SeamlessM4TForSpeechToText": _frames_to_decoder,
    "SeamlessM4Tv2ForSpeechToText": _frames_to_decoder,
    "WhisperForConditionalGeneration": _whisper,
    "blip": _image_and_words,
    "blip-2": _blip2,
    "canary": _frames_to_decoder,
    "cohere_asr": _frames_to_decoder,
    "dia": _dia,
    "evolla": _evolla,
    "idefics": _idefics,
    "instructblip": _blip2,
    "instructblipvideo": _instructblip_video,
    "kosmos-2": _kosmos2,
    "kyutai_speech_to_text": _kyutai,
    "moonshine": _wave_to_decoder,
    "moonshine_streaming": _wave_to_decoder,
    "pi0": _pi0,
    "pix2struct": _pix2struct,
    "pp_formulanet": _image_to_decoder,
    "speech-encoder-decoder": _wave_to_decoder,
    "speech_to_text": _frames_to_decoder,
    "speecht5": _wave_to_decoder,
    "udop": _udop,
    "vision-encoder-decoder": _image_to_decoder,
    "voxtral_realtime": _voxtral_realtime,
}
