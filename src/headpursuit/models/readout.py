"""What in the residual stream raises a token's logit."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.models.anatomy import AnatomyError
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.norms import norm_gain
from headpursuit.models.vocabulary import final_norm, unembedding


@torch.no_grad()
def readout(model: LanguageModel, token_ids: Sequence[int]) -> Float[Tensor, "n_tokens d_model"]:
    """Directions r of the residual stream x with logit = r·x / s + constant, through the final norm.

    With the norm's gain g and its scale s at a position, an RMSNorm gives r = g ∘ u of the token's row u of the
    unembedding; a LayerNorm, which subtracts the mean first, gives r = g ∘ u - mean(g ∘ u). The scale belongs to the
    position, not to the token, and is left out.

    Raises:
        AnatomyError: If what heads write does not reach the final norm as a summand, or no norm module feeds the
            unembedding.
    """
    if any("post_ln" in site.flags for site in model.anatomy.sites):
        raise AnatomyError("what heads write does not reach a final norm as a summand of the stream (flag post_ln)")
    rows = unembedding(model).vectors[list(token_ids)].float()
    norm = norm_gain(final_norm(model), rows.shape[-1])
    directions = rows * norm.gain.to(rows.device)
    return directions - directions.mean(-1, keepdim=True) if norm.centres else directions
