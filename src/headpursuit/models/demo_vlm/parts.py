"""Parts of the demo model: SmolLM2 as it is, a small CLIP vision tower, and LLaVA's projector between them."""

import json
from importlib.resources import files
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import (
    AutoModel,
    CLIPVisionConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from headpursuit.media.images.rendered.scenes import SIDE

PATCH = 16
"""Pixels of a patch's side; every patch becomes one position of the text."""

PATCHES = (SIDE // PATCH) ** 2

IMAGE_TOKEN = "<image>"

_SPARE_TOKEN = "<empty_output>"
"""A marker of code notebooks in SmolLM2's vocabulary, which gives its number to the image token."""

MEAN, SPREAD = 0.75, 0.3
"""Of every colour channel, for the image processor and for training."""


def vision_config() -> CLIPVisionConfig:
    """The tower: 1.9 million parameters."""
    return CLIPVisionConfig(
        hidden_size=192,
        intermediate_size=768,
        num_hidden_layers=4,
        num_attention_heads=6,
        image_size=SIDE,
        patch_size=PATCH,
    )


def processor_for(tokenizer: PreTrainedTokenizerBase) -> LlavaProcessor:
    """SmolLM2's tokenizer with a name for the image token, and pictures scaled to the tower's size."""
    # Looked up here, since without torchvision transformers says so, and importing this package prints nothing.
    from transformers import CLIPImageProcessor

    content = json.loads(tokenizer.backend_tokenizer.to_str())
    for token in content["added_tokens"]:
        if token["content"] == _SPARE_TOKEN:
            token["content"] = IMAGE_TOKEN
    vocabulary = content["model"]["vocab"]
    vocabulary[IMAGE_TOKEN] = vocabulary.pop(_SPARE_TOKEN)
    renamed = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(content)),
        bos_token=tokenizer.bos_token,
        eos_token=tokenizer.eos_token,
        pad_token=tokenizer.eos_token,
        padding_side="left",
        model_max_length=tokenizer.model_max_length,
    )
    images = CLIPImageProcessor(
        size={"height": SIDE, "width": SIDE}, do_center_crop=False, image_mean=[MEAN] * 3, image_std=[SPREAD] * 3
    )
    return LlavaProcessor(
        images,
        renamed,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=IMAGE_TOKEN,
        chat_template=(files(__package__) / "chat_template.jinja").read_text(encoding="utf-8"),
    )


def assemble(language_model: PreTrainedModel, image_token_id: int) -> LlavaForConditionalGeneration:
    """Put an untrained tower and projector in front of a language model, whose weights are shared, not copied."""
    text: Any = language_model.config
    config = LlavaConfig(
        vision_config=vision_config(),
        text_config=text,
        image_token_index=image_token_id,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        image_seq_length=PATCHES,
        tie_word_embeddings=True,
    )
    with torch.device("meta"):
        network = LlavaForConditionalGeneration(config)
    network.model.vision_tower = AutoModel.from_config(config.vision_config)
    network.model.multi_modal_projector = type(network.model.multi_modal_projector)(config)
    parts: Any = language_model
    network.model.language_model, network.lm_head = parts.model, parts.lm_head
    return network
