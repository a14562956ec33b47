"""Tiny random encoder-decoders that see, with their families' own processors: nothing is downloaded."""

from functools import cache

import pytest
import tiny_vision
import torch
import transformers as hf
from exceptions import CHANGES
from tiny_configs import tiny_config
from tiny_vision import IMAGE_ID, SIZE
from zoo import randomise

from headpursuit.models import LanguageModel

_SQUARE = {"height": SIZE, "width": SIZE}
_LAYERS = dict(decoder_layers=3, decoder_attention_heads=4, decoder_ffn_dim=48, d_model=32)
_VIT = dict(hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=48)


def _named(name):
    """An image processor that needs no torchvision; before transformers 5.2 it was the usual one."""
    return getattr(hf, f"{name}Pil", None) or getattr(hf, name)


def _pair(encoder, decoder):
    config = hf.VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id = 2, 0
    return hf.VisionEncoderDecoderModel(config)


def _trocr():
    decoder = hf.TrOCRConfig(vocab_size=288, max_position_embeddings=64, pad_token_id=0, **_LAYERS)
    return _pair(hf.ViTConfig(image_size=SIZE, patch_size=14, **_VIT), decoder)


def _donut():
    encoder = hf.DonutSwinConfig(image_size=[32, 32], patch_size=4, embed_dim=16, depths=[1, 2], num_heads=[2, 2])
    encoder.window_size = 4
    layers = _LAYERS | dict(encoder_layers=0)
    return _pair(encoder, hf.MBartConfig(vocab_size=288, max_position_embeddings=64, pad_token_id=0, **layers))


def _vit_gpt2():
    decoder = hf.GPT2Config(vocab_size=288, n_embd=32, n_layer=3, n_head=4, n_positions=64)
    return _pair(hf.ViTConfig(image_size=SIZE, patch_size=14, **_VIT), decoder)


def _pix2struct():
    vision = {"vision_config": {"patch_embed_hidden_size": 48}}  # 4 x 4 pixels in three colours
    return hf.Pix2StructForConditionalGeneration(tiny_config("pix2struct", CHANGES["pix2struct"] | vision))


def _florence2():
    changes = CHANGES["florence2"] | {"image_token_id": IMAGE_ID}
    return hf.Florence2ForConditionalGeneration(tiny_config("florence2", changes))


NETWORKS = {
    "trocr": _trocr,
    "donut": _donut,
    "vit_gpt2": _vit_gpt2,
    "pix2struct": _pix2struct,
    "florence2": _florence2,
}


def _florence2_processor(words):
    images = _named("CLIPImageProcessor")(size=_SQUARE, crop_size=_SQUARE)
    images.image_seq_length = 2
    return hf.Florence2Processor(images, words)


PROCESSORS = {
    "trocr": lambda words: hf.TrOCRProcessor(_named("ViTImageProcessor")(size=_SQUARE), words),
    "donut": lambda words: hf.DonutProcessor(
        _named("DonutImageProcessor")(size={"height": 32, "width": 32}, do_align_long_axis=False), words
    ),
    "vit_gpt2": lambda words: hf.TrOCRProcessor(_named("ViTImageProcessor")(size=_SQUARE), words),
    "pix2struct": lambda words: hf.Pix2StructProcessor(
        _named("Pix2StructImageProcessor")(max_patches=12, patch_size={"height": 4, "width": 4}), words
    ),
    "florence2": _florence2_processor,
}
ALONE = ("trocr", "donut", "vit_gpt2", "pix2struct")
"""Their encoder reads no text."""
_SLOW = {"donut", "vit_gpt2"}
SOME_FAMILIES = [pytest.param(name, marks=pytest.mark.slow) if name in _SLOW else name for name in NETWORKS]
"""One of each way to take pictures in on every run, the others under `make fuzz`."""


def network(family):
    torch.manual_seed(0)
    found = NETWORKS[family]().eval()
    randomise(found)
    found.generation_config.eos_token_id = found.generation_config.forced_eos_token_id = None
    found.generation_config.pad_token_id = 0
    return found


def reader(family):
    words = tiny_vision.tokenizer()
    return LanguageModel(network(family), words, f"tiny-{family}", processor=PROCESSORS[family](words))


@cache
def shared(family):
    """A model that tests leave as it is, so that it is certified once."""
    return reader(family)
