"""What tells one model's heads from another's."""

import hashlib

import torch

from headpursuit.models.language_model import LanguageModel
from headpursuit.models.weights import write_weights


@torch.no_grad()
def heads_sha256(model: LanguageModel) -> str:
    """Hash of some values of every output projection: training changes them all, so a thousand of each will do."""
    digest = hashlib.sha256()
    for site in model.anatomy.sites:
        values = write_weights(model.network, site).flatten()
        some = values[:: max(1, len(values) // 1024)].contiguous().cpu()
        digest.update(f"{site.layer} {site.n_heads} {site.d_head}".encode())
        digest.update(some.numpy().data)
    return digest.hexdigest()
