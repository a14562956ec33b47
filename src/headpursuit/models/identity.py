"""Hashes that tell one model's heads from another's."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from headpursuit.models.anatomy import projection
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.tokens import token_pieces
from headpursuit.models.vocabulary import n_tokens, sha256_of_values, unembedding, unembedding_rows
from headpursuit.models.weights import projection_weights


@dataclass(frozen=True)
class Identity:
    """The model and the weights that a result belongs to."""

    model: str
    """Name of the model, as given to `load`."""
    revision: str | None
    dtype: str
    """The dtype that the network computed in, such as `float32`."""
    unembedding_sha256: str
    """Hash of the unembedding, in that dtype."""
    heads_sha256: str
    """Hash of the output projections."""


_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def hub_id(name: str) -> str | None:
    """A model's name, if it reads like that of one on the Hugging Face hub and no such folder is here."""
    return name if _HUB_ID.fullmatch(name) and not Path(name).exists() else None


def _stored(module: nn.Module, write: Tensor) -> Tensor:
    """Numbers to hash: the write weights, but of packed weights what is stored, since unpacking rounds by device."""
    weight = getattr(module, "weight", None)
    return weight.detach() if isinstance(weight, Tensor) and not weight.is_floating_point() else write


@torch.no_grad()
def heads_sha256(model: LanguageModel) -> str:
    """Hash of some values of every output projection: training changes them all, so a thousand of each will do."""
    digest = hashlib.sha256()
    for site in model.anatomy.sites:
        values = _stored(projection(model.network, site), projection_weights(model.network, site)).flatten()
        some = values[:: max(1, len(values) // 1024)].contiguous().cpu()
        digest.update(f"{site.layer} {site.n_heads} {site.d_head}".encode())
        digest.update(some.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def vocabulary_sha256(model: LanguageModel) -> str:
    """Hash of which token has which id: where it is equal, token ids mean the same."""
    pieces = token_pieces(model, n_tokens(model))
    return hashlib.sha256(json.dumps(pieces, default=str).encode()).hexdigest()


@torch.no_grad()
def has_unembedding(model: LanguageModel, sha256: str) -> bool:
    """True if a model has the unembedding of that hash, in the dtype it is in or in another that it was hashed in."""
    vectors = unembedding_rows(model)
    dtypes = (vectors.dtype, torch.float32, torch.bfloat16, torch.float16)
    return any(sha256_of_values(vectors.to(dtype)) == sha256 for dtype in dict.fromkeys(dtypes))


def identify(model: LanguageModel) -> Identity:
    """The identity that results of this model carry."""
    return Identity(model.name, model.revision, model.dtype, unembedding(model).sha256, heads_sha256(model))
