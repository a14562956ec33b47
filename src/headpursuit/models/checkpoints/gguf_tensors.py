"""Tensors of a GGUF file that transformers passes over without a word."""

import re
from pathlib import Path

from gguf import MODEL_ARCH_NAMES, get_tensor_name_map
from transformers import PreTrainedModel

from headpursuit.models.checkpoints.gguf_file import GgufFile, read_gguf

_PLAIN = re.compile(
    r"blk\.(\d+)\.((attn_(output|q|k|v|qkv)|ffn_(up|down|gate))\.(weight|bias))|rope_(freqs|factors_\w+)\.weight"
)
"""Names that are compared: experts and state spaces are put together from several tensors, and a name says little."""


def left_by_the_reader(file: Path, network: PreTrainedModel) -> set[str]:
    """Tensors of the file that stand for none of the network's, called as the network would call them if it can."""
    read = read_gguf(file)
    names = {name for name in read.tensors if _PLAIN.fullmatch(name)}
    ours = _names_in_network(str(read.metadata.get("general.architecture")), network)
    return {_called(name, ours) for name in names - ours.keys()} if ours else set()


def one_of_parts(file: GgufFile) -> str:
    """The number of files that a model was divided into, and the cure; empty if the file holds it whole."""
    parts = file.metadata.get("split.count")
    several = isinstance(parts, int) and parts > 1
    return f"one of {parts} parts: join them with llama-gguf-split --merge FIRST OUT" if several else ""


def _names_in_network(architecture: str, network: PreTrainedModel) -> dict[str, str]:
    """Name in the network by name in the file; empty if the architecture is not in gguf's tables."""
    known = next((arch for arch, name in MODEL_ARCH_NAMES.items() if name == architecture), None)
    if known is None:
        return {}
    names, found = list(network.state_dict()), {}
    tables = get_tensor_name_map(
        known, 1 + max((int(n) for name in names for n in re.findall(r"\.(\d+)\.", name)), default=0)
    )
    prefix = f"{network.base_model_prefix}."
    for name in names:
        stem, _, kind = name.rpartition(".")
        given = tables.get_name(stem) or tables.get_name(stem.removeprefix(prefix))
        if given is not None:
            found[f"{given}.{kind}"] = name
    return found


def _called(name: str, ours: dict[str, str]) -> str:
    """By the names of the same part of a block that the network has."""
    match = re.fullmatch(r"blk\.(\d+)\.(\w+)\.(\w+)", name)
    if match is None:
        return name
    part = re.compile(rf"blk\.\d+\.{match[2]}\.\w+")
    like = next((ours[one] for one in ours if part.fullmatch(one)), None)
    return (
        name if like is None else re.sub(r"\.\d+\.", f".{match[1]}.", like, count=1).rpartition(".")[0] + f".{match[3]}"
    )
