"""The GGUF file of a loaded model, and the proof that heads lie in it where the network has them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from headpursuit.heads import Edit
from headpursuit.models.checkpoints.gguf_file import GgufFile, StoredTensor, Unread, read_gguf
from headpursuit.models.checkpoints.gguf_tensors import one_of_parts
from headpursuit.models.checkpoints.places import place_of
from headpursuit.models.embedded import EMBEDDED
from headpursuit.models.export.gguf.blocks import values_of
from headpursuit.models.export.gguf.columns import columns_of, projection_of
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.weights import projection_weights

_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
"""Dtypes that a model may have been in when its unembedding was hashed."""


def gguf_path(name: str) -> Path:
    """The GGUF file that a model's name leads to.

    Raises:
        FileNotFoundError: If there is nothing there.
        ValueError: If it leads to a model of another kind, or to one part of several.
    """
    place = None if name == EMBEDDED or not name else place_of(name)
    if place is None or place.folder is None or not place.gguf:
        tool = "; for its GGUF file: python tools/fetch_models.py smollm2-135m" if name == EMBEDDED else ""
        raise ValueError(
            f"{name or 'the model'} is no GGUF file, and headpursuit converts none: give the file that you serve, or "
            "export --format weights -o OUT and let llama.cpp's converter make one of that: python "
            f"convert_hf_to_gguf.py OUT --outfile OUT.gguf{tool}"
        )
    path = place.folder / place.gguf
    if part := one_of_parts(read_gguf(path)):
        raise ValueError(f"{path} is {part}")
    return path


def check_same_heads(file: GgufFile, model: LanguageModel, edit: Edit) -> None:
    """Refuse a file whose projections are not those of the network: permuted, fused with others, or of another model.

    Raises:
        ValueError: Naming the first head whose columns, dequantised, are not what the network has.
    """
    columns = columns_of(file, edit)
    for head in (head for head, scale in edit.items() if scale != 1):
        site, tensor = model.anatomy.site_of(head), projection_of(file, head)
        ours = projection_weights(model.network, site)[head.index].T.cpu()
        dtype = model.network.dtype
        d_head = tensor.width // site.n_heads
        place = slice(head.index * d_head, (head.index + 1) * d_head)
        theirs = torch.cat([torch.from_numpy(rows[:, place].copy()) for rows in _values(file, tensor)])
        chosen = (columns[tensor.name][place] == edit[head]).all()
        if not chosen or theirs.shape != ours.shape or not torch.equal(theirs.to(dtype).float(), ours.float()):
            raise ValueError(
                f"the columns of {head} in {tensor.name} of {file.path} are not the weights that the loaded model has "
                "there; its heads lie elsewhere in this file, which cannot be edited"
            )


def check_unembedding(path: Path, sha256: str, made_for: str) -> None:
    """Refuse a file whose unembedding is not the one that heads were ranked with.

    Args:
        path: The file.
        sha256: Hash of the unembedding's rows in the dtype the model was in; nothing is checked if it is empty.
        made_for: Name of the model that it is of.

    Raises:
        ValueError: If it is another one.
    """
    if not sha256:
        return
    file = read_gguf(path)
    tensor = next((file.tensors[name] for name in ("output.weight", "token_embd.weight") if name in file.tensors), None)
    tokens = file.metadata.get("tokenizer.ggml.tokens")
    count = tokens.length if isinstance(tokens, Unread) else 0
    digests = {dtype: hashlib.sha256() for dtype in _DTYPES}
    left = count
    for rows in _values(file, tensor) if tensor else ():
        values = torch.from_numpy(rows[:left].copy())
        for dtype, digest in digests.items():
            digest.update(values.to(dtype).view(torch.uint8).numpy().data)
        left -= len(values)
    if sha256 not in {digest.hexdigest() for digest in digests.values()}:
        raise ValueError(
            f"the heads were chosen for {made_for or 'another model'}, but {path} has another unembedding; rank the "
            "heads of this model, or give the one they were chosen for"
        )


def _values(file: GgufFile, tensor: StoredTensor) -> Iterator[NDArray[np.float32]]:
    return (values_of(tensor, rows) for rows in file.rows(tensor))
