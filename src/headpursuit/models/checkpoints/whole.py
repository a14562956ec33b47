"""A network with every tensor from its files, or refused: transformers fills what is missing with random numbers.

1. transformers says which tensors it missed, which had another shape, and which it had no place for.
2. Missing or of another shape: refused. What the class itself calls optional, ties, or computes is not reported.
3. Left over within a layer that the network has (a bias of its output projection, say): refused too, since the layer
   then computes something else than what was trained. That is nearly always a config of another model.
4. Left over elsewhere (more layers, an encoder, a head for another task): a flag, since what is there is whole.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from headpursuit.models.checkpoints.gguf_file import read_gguf
from headpursuit.models.checkpoints.gguf_tensors import left_by_the_reader, one_of_parts
from headpursuit.models.checkpoints.names import in_order, layers_in_words, renamed_in_words, some

LEFT_OUT = "left_out_tensors"
"""The flag of rule 4."""

_COMPUTED = re.compile(
    r"(^|\.)(position_ids|inv_freq|original_inv_freq|masked_bias|causal_mask)$|\.(attn|attention|self_attn)\.bias$"
)
"""Buffers that older versions saved and newer ones compute: rotary frequencies, position numbers, causal masks."""

_FOR_OTHERS = re.compile(r"\.([qkv]|kv)_scale$")
"""Scales of quantised key-value caches, which only engines that quantise them read."""

Flags = tuple[tuple[str, str], ...]
"""Names of flags, and what each means here."""


@dataclass(frozen=True)
class Loaded:
    """A network, and what transformers says of how its files fitted."""

    network: PreTrainedModel
    missing: tuple[str, ...] = ()
    """Tensors of the network that are in no file, and hold random numbers."""
    left_out: tuple[str, ...] = ()
    """Tensors of the files that the network has no place for."""
    mismatched: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()
    """Tensors whose shape in the file is not what the config gives: name, shape in the file, shape in the network."""
    gguf: Path | None = None
    """The file, if it is a GGUF file."""


def whole_network(kind: Any, name: str, source: str, **options: Any) -> tuple[PreTrainedModel, Flags]:
    """`from_pretrained` of one of transformers' Auto classes, for checkpoints that must be whole: see `check_whole`."""
    loaded = loaded_network(kind, source, **options)
    return loaded.network, check_whole(name, loaded)


def loaded_network(kind: Any, source: str, **options: Any) -> Loaded:
    """`from_pretrained`, with what was missing."""
    # Else a mismatch would be an error that names no tensor.
    network, said = kind.from_pretrained(source, output_loading_info=True, ignore_mismatched_sizes=True, **options)
    left = set(said["unexpected_keys"])
    gguf = Path(source) / options["gguf_file"] if options.get("gguf_file") else None
    if gguf is not None:
        left |= left_by_the_reader(gguf, network)
    return Loaded(
        network,
        in_order(name for name in said["missing_keys"] if not _COMPUTED.search(name)),
        in_order(name for name in left if not _COMPUTED.search(name)),
        tuple(sorted((name, tuple(found), tuple(wanted)) for name, found, wanted in said["mismatched_keys"])),
        gguf,
    )


def check_whole(name: str, loaded: Loaded) -> Flags:
    """Refuse a network that its files do not fill; else the flag of what was left out, if anything was.

    Raises:
        ValueError: If a tensor is missing, has another shape, or is left out of a layer that is there.
    """
    network, family = loaded.network, type(loaded.network).__name__
    names = list(network.state_dict())
    layers = layers_in_words(names, loaded.missing, loaded.left_out)
    if loaded.mismatched:
        one, found, wanted = loaded.mismatched[0]
        raise ValueError(
            f"cannot load {name!r}: file and config disagree on the shapes of {len(loaded.mismatched)} of the "
            f"{len(names)} tensors of {family} ({one}: {_shape(found)} in the file, {_shape(wanted)} by the config); "
            "use the config that the file was saved with"
        )
    if loaded.missing:
        raise ValueError(
            f"cannot load {name!r}: {len(loaded.missing)} of the {len(names)} tensors of {family} missing in its files "
            f"({some(loaded.missing)}), which would be random numbers; {layers or _cause(loaded)}"
        )
    inside = [one for one in loaded.left_out if _is_in_a_layer(network, one) and not _FOR_OTHERS.search(one)]
    if inside:
        raise ValueError(
            f"cannot load {name!r}: {family} leaves tensors of the file out of layers it has ({some(inside)}), so it "
            f"would compute something else than what was trained; {_config_for(loaded, inside)}"
        )
    if not loaded.left_out:
        return ()
    count = len(loaded.left_out)
    meaning = f"{count} {'tensor' if count == 1 else 'tensors'} of the files left out by {family}"
    return ((LEFT_OUT, f"{meaning} ({some(loaded.left_out)})" + (f"; {layers}" if layers else "")),)


def _cause(loaded: Loaded) -> str:
    """Likely cause, and the cure."""
    renamed = renamed_in_words(loaded.missing, loaded.left_out)
    if renamed:
        return renamed
    if loaded.gguf and (part := one_of_parts(read_gguf(loaded.gguf))):
        return f"the file is {part}"
    if loaded.missing == ("lm_head.weight",):
        return "where the embedding serves as the unembedding too, set tie_word_embeddings to true in the config"
    return "save or fetch the whole checkpoint again"


def _config_for(loaded: Loaded, left_out: Collection[str]) -> str:
    """The cure for a layer that holds more than the config gives it."""
    if loaded.gguf:
        return "transformers reads no such tensors from GGUF files: use the checkpoint that it was made from"
    is_bias = all(one.endswith(".bias") for one in left_out)
    flag = "set attention_bias or mlp_bias to true in the config where it has them, or " if is_bias else ""
    return f"{flag}use the config that the file was saved with"


def _is_in_a_layer(network: PreTrainedModel, name: str) -> bool:
    """True for a tensor of a numbered layer that the network has."""
    found = re.match(r"(.*?\.\d+)\.", name)
    if found is None:
        return False
    try:
        network.get_submodule(found[1])
    except AttributeError:
        return False
    return True


def _shape(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes)) or "a number"
