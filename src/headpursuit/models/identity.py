"""What tells one model's heads from another's."""

import hashlib

import torch
from torch import Tensor, nn

from headpursuit.models.anatomy import projection
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.weights import write_weights


def _stored(module: nn.Module, write: Tensor) -> Tensor:
    """What to hash: the write weights, but of packed weights what is stored, since unpacking rounds by device."""
    weight = getattr(module, "weight", None)
    return weight.detach() if isinstance(weight, Tensor) and not weight.is_floating_point() else write


@torch.no_grad()
def heads_sha256(model: LanguageModel) -> str:
    """Hash of some values of every output projection: training changes them all, so a thousand of each will do."""
    digest = hashlib.sha256()
    for site in model.anatomy.sites:
        values = _stored(projection(model.network, site), write_weights(model.network, site)).flatten()
        some = values[:: max(1, len(values) // 1024)].contiguous().cpu()
        digest.update(f"{site.layer} {site.n_heads} {site.d_head}".encode())
        digest.update(some.view(torch.uint8).numpy().data)
    return digest.hexdigest()
