"""Naming: tower and projector learn to say what each patch shows; alone in the first lesson, beside talk in the second.

The names are the language model's own token embeddings: a patch's projection must lie closer to the embedding of what
it shows than to those of other names, so the language model finds words it knows when it joins in. In the second lesson
the names may move with what the language model reads best, but what a patch shows must still be told from its
projection: without that, the tower forgets how to tell digits apart.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerBase

from demo_vlm.lessons import WORDS, Pictures
from headpursuit.media.images.rendered.scans import DIGIT_WORDS
from headpursuit.models.demo_vlm.parts import MEAN, SPREAD

_SHARPNESS = 20.0
"""The factor on cosines before the softmax."""


def normalised(pixels: Tensor) -> Float[Tensor, "n_scenes 3 side side"]:
    """As the image processor does it."""
    return ((pixels.float() / 255 - MEAN) / SPREAD).permute(0, 3, 1, 2)


def features(network: LlavaForConditionalGeneration, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The tower's output for each patch, and its projection into the language model."""
    seen = network.model.vision_tower(pixel_values=normalised(pixels)).last_hidden_state[:, 1:]
    return seen, network.model.multi_modal_projector(seen)


class Naming(nn.Module):
    """The loss of patches that say badly what they show and how many things there are, or are longer than a token.

    Thrown away after training.

    Args:
        network: The model.
        tokenizer: Its tokenizer.
        digits: How many times a patch that shows a digit counts.
        fixed: Whether the names stay the language model's embeddings.
    """

    weights: Tensor

    def __init__(
        self,
        network: LlavaForConditionalGeneration,
        tokenizer: PreTrainedTokenizerBase,
        digits: float = 1.0,
        *,
        fixed: bool = True,
    ) -> None:
        super().__init__()
        vision: Any = network.config.vision_config
        self.count = nn.Linear(vision.hidden_size, 4)
        table: Any = network.get_input_embeddings()
        embeddings = table.weight.detach().float()
        self.length = float(embeddings.norm(dim=1).mean())
        ids = [tokenizer.encode(f" {word}", add_special_tokens=False) for word in WORDS]
        weights = torch.ones(len(WORDS))
        weights[: len(DIGIT_WORDS)] = digits
        self.register_buffer("weights", weights, persistent=False)
        self.words = nn.Parameter(F.normalize(embeddings[[i for (i,) in ids]], dim=1), requires_grad=not fixed)

    def forward(self, seen: Tensor, projected: Tensor, shown: Pictures) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, and the fraction of patches that say the right word."""
        scores = _SHARPNESS * F.normalize(projected, dim=-1) @ F.normalize(self.words, dim=-1).T
        counted = self.count(seen)
        loss = (
            F.cross_entropy(scores.flatten(0, 1), shown.words.flatten(), self.weights)
            + F.cross_entropy(counted.flatten(0, 1), shown.count.repeat_interleave(counted.shape[1]))
            + (projected.norm(dim=-1) / self.length - 1).square().mean()
        )
        right = scores.argmax(-1) == shown.words
        digits = shown.words < len(DIGIT_WORDS)
        everywhere, counts = right.float().mean(), (counted.argmax(-1) == shown.count[:, None]).float().mean()
        return loss, {"words": everywhere, "digits": right[digits].float().mean(), "counts": counts}
