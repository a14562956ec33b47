"""What a processor says of each token, for texts with answers behind them."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool
from torch import Tensor
from transformers import PreTrainedModel

_KINDS = ("token_type_ids", "mm_token_type_ids")
"""Whether each token is of an image or of the text: (n_prompts, n_tokens)."""

_SEEN = "cross_attention_mask"
"""Which tiles of which image each token attends to: (n_prompts, n_tokens, n_images, n_tiles)."""


def with_answers(
    given: Mapping[str, Tensor], of_image: Bool[Tensor, "n_prompts n_tokens"], n_new: int
) -> dict[str, Tensor]:
    """What a model is given beside its tokens, for prompts with answers of so many tokens behind them.

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
    """Whether a model works out positions from where images are: rotary ones for time, height and width."""
    return hasattr(network.base_model, "get_rope_index")
