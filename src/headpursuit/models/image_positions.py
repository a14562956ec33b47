"""Positions of a text that stand for a picture: told by the model's image token, or by what the decoder gets there."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from headpursuit.heads import Head
from headpursuit.models.anatomy import text_modules

_CROSS_LAYER = re.compile(r"\.(\d+)\..*cross")
"""The number of a layer, in the name of a module that attends to something else than the text."""

_KINDS = ("token_type_ids", "mm_token_type_ids")
"""Kinds of tokens, of an image or of the text: (n_prompts, n_tokens)."""

_SEEN = "cross_attention_mask"
"""Tiles of images that each token attends to: (n_prompts, n_tokens, n_images, n_tiles)."""


@dataclass(frozen=True)
class ImagePositions:
    """The way a network's image positions are told."""

    token_id: int | None
    """Stands for the image in the text; None: the config names none, and they are found by what the decoder gets."""
    embedding: nn.Module
    """Embeds the tokens of a text."""

    @classmethod
    def of(cls, network: Any) -> "ImagePositions":
        """The way to tell the image positions of a network.

        Raises:
            ValueError: If images take no positions in its text.
        """
        name = type(network).__name__
        if not reads_images(network):
            raise ValueError(f"{name} reads no images, so that no position is an image's")
        cross = cross_attention_layer(network)
        if cross is not None:
            raise ValueError(
                f"images enter {name} by cross-attention, so that no position of its text is an image's; its heads "
                f"like {Head(cross, 3, 'cross')} are where they enter, and can be edited at all positions"
            )
        if network.config.is_encoder_decoder:
            raise ValueError(f"images enter {name} by its encoder, so that no position of its answer is an image's")
        return cls(image_token_id(network), network.get_input_embeddings())

    @torch.no_grad()
    def among(
        self, ids: Int[Tensor, "n_rows n_tokens"], embedded: Tensor | None = None
    ) -> Bool[Tensor, "n_rows n_tokens"]:
        """Tokens that stand for an image.

        Args:
            ids: The tokens.
            embedded: What the decoder gets for them; needed where no token id tells.

        Raises:
            ValueError: If neither tells.
        """
        if self.token_id is not None:
            return ids == self.token_id
        if embedded is None or embedded.shape[:2] != ids.shape:
            raise ValueError(UNTELLABLE)
        text = self.embedding(ids).to(embedded)
        return (text != embedded).any(-1)


UNTELLABLE = (
    "the model's config names no image token (image_token_id), and what its decoder gets does not show which positions "
    "are an image's"
)


def reads_images(network: nn.Module) -> bool:
    """True for a network that takes pictures."""
    return "pixel_values" in inspect.signature(network.forward).parameters


def image_token_id(network: Any) -> int | None:
    """The token that stands for a piece of an image, if the config names one."""
    found = (getattr(network.config, name, None) for name in ("image_token_id", "image_token_index"))
    return next((value for value in found if isinstance(value, int)), None)


def cross_attention_layer(network: Any) -> int | None:
    """The first layer of a decoder without encoder whose heads attend to something else than the text; None if none.

    Modules are looked at, since such layers do not run in a forward pass without an image.
    """
    if network.config.is_encoder_decoder or not reads_images(network):
        return None
    layers = (int(match[1]) for name in text_modules(network).values() if (match := _CROSS_LAYER.search(name)))
    return min(layers, default=None)


def with_answers(
    given: Mapping[str, Tensor], of_image: Bool[Tensor, "n_prompts n_tokens"], n_new: int
) -> dict[str, Tensor]:
    """Inputs of a model beside its tokens, for prompts with answers of so many tokens behind them.

    A token of an answer sees the images that the prompt's last one sees, and is of the kind that images are not of:
    PaliGemma calls its prompt, images included, 0, and answers 1; others call images 1 and everything else 0.
    """
    found = dict(given)
    for name in found.keys() & {*_KINDS}:
        kinds = found[name]
        answers = 1 - kinds[of_image].max() if of_image.any() else kinds.new_zeros(())
        found[name] = torch.cat([kinds, answers.expand(len(kinds), n_new)], dim=1)
    if _SEEN in found:
        found[_SEEN] = torch.cat([found[_SEEN], found[_SEEN][:, -1:].expand(-1, n_new, -1, -1)], dim=1)
    return found


def numbers_positions(network: PreTrainedModel) -> bool:
    """True for a model that works out positions from where images are: rotary ones for time, height and width."""
    return hasattr(network.base_model, "get_rope_index")
