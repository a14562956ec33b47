"""Columns of the tensors of a GGUF file that an edit multiplies, by what its metadata says of heads."""

import numpy as np

from headpursuit.heads import Edit, Head
from headpursuit.models.anatomy.sites import layers_in_words
from headpursuit.models.checkpoints.gguf_file import GgufFile, StoredTensor
from headpursuit.models.export.gguf.blocks import Factors


def columns_of(file: GgufFile, edit: Edit) -> dict[str, Factors]:
    """A factor for each input of every output projection that is edited, by the tensor's name.

    The projection takes all heads side by side, so the width of a head is its inputs divided by the number of heads.

    Raises:
        ValueError: If the edit acts on some positions only, or names a head that is not in the file.
    """
    if edit.scope != "all":
        raise ValueError(
            f"an edit of scope {edit.scope!r} cannot be exported: a file acts at every position; export an edit of "
            "scope 'all', or use rescale"
        )
    found: dict[str, Factors] = {}
    for head, scale in edit.items():
        tensor = projection_of(file, head)
        n_heads = _heads_in(file, head.layer)
        if not 0 <= head.index < n_heads or tensor.width % n_heads:
            raise ValueError(
                f"{head} does not exist: layer {head.layer} of {file.path.name} has {n_heads} heads in "
                f"{tensor.width} inputs of {tensor.name}"
            )
        d_head = tensor.width // n_heads
        factors = found.setdefault(tensor.name, np.ones(tensor.width))
        factors[head.index * d_head : (head.index + 1) * d_head] = scale
    return {name: factors for name, factors in found.items() if (factors != 1).any()}


def projection_of(file: GgufFile, head: Head) -> StoredTensor:
    """The output projection that a head writes through.

    Raises:
        ValueError: If the file has none for this layer.
    """
    name = f"blk.{head.layer}.attn_output.weight"
    if head.kind == "self" and name in file.tensors and len(file.tensors[name].sizes) == 2:
        return file.tensors[name]
    layers = sorted(int(one.split(".")[1]) for one in file.tensors if one.endswith(".attn_output.weight"))
    has = f"it has them for {layers_in_words(layers)}" if layers else "it has none at all"
    raise ValueError(
        f"{head} does not exist in {file.path.name}: there is no output projection {name}; {has}, and only those of "
        "self-attention in decoders can be edited in GGUF files"
    )


def _heads_in(file: GgufFile, layer: int) -> int:
    """Number of heads of a layer; some families have a number for each."""
    architecture = file.metadata.get("general.architecture")
    count = file.metadata.get(f"{architecture}.attention.head_count")
    if isinstance(count, list) and layer < len(count):
        count = count[layer]
    if not isinstance(count, int) or count < 1:
        raise ValueError(
            f"{file.path} does not say how many heads its layers have ({architecture}.attention.head_count)"
        )
    return count
