"""First lesson: the tower and the projector learn to name what each patch shows, without the language model.

The names are the language model's own token embeddings: a patch's projection must lie closer to the embedding of what
it shows than to those of other names, so the language model finds words it knows when it joins in.
"""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerBase

from headpursuit.images.rendered.scenes import COLOURS, KINDS, SIZES
from headpursuit.models.demo_vlm.lessons import UNLABELLED, Pictures

_SHARPNESS = 20.0
"""What cosines are multiplied by before the softmax."""


def normalised(pixels: Tensor) -> Float[Tensor, "n_scenes 3 side side"]:
    """As the image processor does it."""
    return ((pixels.float() / 255 - 0.75) / 0.3).permute(0, 3, 1, 2)


def features(network: LlavaForConditionalGeneration, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """What the tower makes of each patch, and its projection into the language model."""
    seen = network.model.vision_tower(pixel_values=normalised(pixels)).last_hidden_state[:, 1:]
    return seen, network.model.multi_modal_projector(seen)


class Naming(nn.Module):
    """Loss of the first lesson; the counting head is thrown away afterwards."""

    def __init__(self, network: LlavaForConditionalGeneration, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__()
        vision: Any = network.config.vision_config
        self.count = nn.Linear(vision.hidden_size, 4)
        table: Any = network.get_input_embeddings()
        embeddings = table.weight.detach().float()
        self.length = float(embeddings.norm(dim=1).mean())
        for name, words in (("kinds", (*KINDS, "nothing")), ("colours", tuple(COLOURS)), ("sizes", tuple(SIZES))):
            ids = [tokenizer.encode(f" {word}", add_special_tokens=False) for word in words]
            chosen = embeddings[[i for (i,) in ids]]
            self.register_buffer(name, F.normalize(chosen - chosen.mean(0), dim=1), persistent=False)

    def forward(self, seen: Tensor, projected: Tensor, shown: Pictures) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, and the fraction of patches that are named right."""
        direction = _SHARPNESS * F.normalize(projected, dim=-1)
        loss, right = (projected.norm(dim=-1) / self.length - 1).square().mean(), {}
        for name, labels in (("kinds", shown.kind), ("colours", shown.colour), ("sizes", shown.size)):
            scores = direction @ getattr(self, name).T
            loss = loss + F.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=UNLABELLED)
            known = (labels >= 0) & (labels < 10 if name == "kinds" else labels >= 0)
            right[name] = (scores.argmax(-1) == labels)[known].float().mean()
        counted = self.count(seen)
        loss = loss + F.cross_entropy(counted.flatten(0, 1), shown.count.repeat_interleave(counted.shape[1]))
        right["count"] = (counted.argmax(-1) == shown.count[:, None]).float().mean()
        return loss, right
