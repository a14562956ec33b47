"""Positions of a text that stand for an image or a sound: told by the model's token, or by what the decoder gets."""

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
from headpursuit.models.senses import SENSES
from headpursuit.models.senses.networks import senses_of
from headpursuit.models.senses.sense import Sense

_CROSS_LAYER = re.compile(r"\.(\d+)\..*cross")
"""The number of a layer, in the name of a module that attends to something else than the text."""

_KINDS = ("token_type_ids", "mm_token_type_ids")
"""Kinds of tokens, of an image or of the text: (n_prompts, n_tokens)."""

_SEEN = "cross_attention_mask"
"""Tiles of images that each token attends to: (n_prompts, n_tokens, n_images, n_tiles)."""


@dataclass(frozen=True)
class MediaPositions:
    """The way to tell which positions of a network's text stand for an image, or for a sound."""

    token_ids: tuple[int, ...] | None
    """Stand for them in the text; None: the config names none, and they are found by what the decoder gets."""
    embedding: nn.Module
    """Embeds the tokens of a text."""
    untellable: str
    """Said where neither tells."""

    @classmethod
    def of(cls, network: Any, name: str) -> "MediaPositions":
        """The way to tell the positions of one modality, by its name, or by `text` those of all that it reads.

        Raises:
            ValueError: If it is not read, or takes no positions in the text.
        """
        senses = senses_for(network, name)
        many = " or ".join(sense.modality.many for sense in senses)
        owner, what = f"{senses[0].article}'s", type(network).__name__
        if not senses[0].reaches(network):
            raise ValueError(f"{what} reads no {many}, so that no position is {owner}")
        cross = cross_attention_layer(network)
        if cross is not None:
            raise ValueError(
                f"{many} enter {what} by cross-attention, so that no position of its text is {owner}; its heads like "
                f"{Head(cross, 3, 'cross')} are where they enter, and can be edited at all positions"
            )
        if network.config.is_encoder_decoder:
            raise ValueError(f"{many} enter {what} by its encoder, so that no position of its answer is {owner}")
        found = [sense.token_id(network) for sense in senses]
        known = tuple(one for one in found if one is not None)
        several = len(senses_of(network)) > len(senses)
        untellable = UNTELLABLE.format(noun=senses[0].modality.noun, one=senses[0].article)
        if len(known) < len(found) and several:
            raise ValueError(untellable)  # what the decoder gets does not show which of them it is
        return cls(known if len(known) == len(found) else None, network.get_input_embeddings(), untellable)

    @torch.no_grad()
    def among(
        self, ids: Int[Tensor, "n_rows n_tokens"], embedded: Tensor | None = None
    ) -> Bool[Tensor, "n_rows n_tokens"]:
        """Tokens that stand for them.

        Args:
            ids: The tokens.
            embedded: What the decoder gets for them; needed where no token id tells.

        Raises:
            ValueError: If neither tells.
        """
        if self.token_ids is not None:
            return torch.isin(ids, torch.tensor(self.token_ids, device=ids.device))
        if embedded is None or embedded.shape[:2] != ids.shape:
            raise ValueError(self.untellable)
        text = self.embedding(ids).to(embedded)
        return (text != embedded).any(-1)


UNTELLABLE = (
    "the model's config names no {noun} token ({noun}_token_id), and what its decoder gets does not show which "
    "positions are {one}'s"
)


def senses_for(network: nn.Module, name: str) -> tuple[Sense, ...]:
    """The sense of a modality's name; for `text` all that the network has, or sight if it has none."""
    if name == "text":
        return senses_of(network) or SENSES[:1]
    return tuple(sense for sense in SENSES if sense.modality.name == name)


def placeholder_ids(network: Any) -> list[int]:
    """The tokens that stand for pieces of images and sounds, as far as the config names them."""
    found = (sense.token_id(network) for sense in SENSES)
    return [one for one in found if one is not None]


def cross_attention_layer(network: Any) -> int | None:
    """The first layer of a decoder without encoder whose heads attend to something else than the text; None if none.

    Modules are looked at, since such layers do not run in a forward pass without an image.
    """
    if network.config.is_encoder_decoder or not senses_of(network):
        return None
    layers = (int(match[1]) for name in text_modules(network).values() if (match := _CROSS_LAYER.search(name)))
    return min(layers, default=None)


def with_answers(
    given: Mapping[str, Tensor], of_media: Bool[Tensor, "n_prompts n_tokens"], n_new: int
) -> dict[str, Tensor]:
    """Inputs of a model beside its tokens, for prompts with answers of so many tokens behind them.

    A token of an answer sees the images that the prompt's last one sees, and is of the kind that images are not of:
    PaliGemma calls its prompt, images included, 0, and answers 1; others call images 1 and everything else 0.
    """
    found = dict(given)
    for name in found.keys() & {*_KINDS}:
        kinds = found[name]
        answers = 1 - kinds[of_media].max() if of_media.any() else kinds.new_zeros(())
        found[name] = torch.cat([kinds, answers.expand(len(kinds), n_new)], dim=1)
    if _SEEN in found:
        found[_SEEN] = torch.cat([found[_SEEN], found[_SEEN][:, -1:].expand(-1, n_new, -1, -1)], dim=1)
    return found


def numbers_positions(network: PreTrainedModel) -> bool:
    """True for a model that works out positions from where images are: rotary ones for time, height and width."""
    return hasattr(network.base_model, "get_rope_index")
