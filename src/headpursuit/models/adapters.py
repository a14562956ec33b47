"""PEFT adapters: what they are for, put on a network by PEFT itself, whole or refused, and made one with it."""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from headpursuit.extras import optional
from headpursuit.models.checkpoints.names import some
from headpursuit.models.checkpoints.places import ADAPTER_CONFIG
from headpursuit.storage import read_json

MERGED = "merged_adapter"
"""The flag of a model whose weights hold an adapter."""


@dataclass(frozen=True)
class Adapter:
    """Config of an adapter: its kind, and the model that it is for."""

    folder: Path
    kind: str
    """In PEFT's words, such as `LORA`."""
    base: str
    """Name of the model it was trained on."""
    revision: str | None

    @property
    def flag(self) -> tuple[str, str]:
        """The flag of a model that it was merged into."""
        meaning = (
            f"a PEFT adapter ({self.kind}) was merged into {self.base}; all figures are of the merged model, which "
            "differs by rounding from the base with the adapter beside it"
        )
        return MERGED, meaning

    @classmethod
    def read(cls, folder: Path) -> "Adapter":
        """Read the config of an adapter.

        Raises:
            ValueError: If it is unreadable, names no base, or cannot be part of the weights.
        """
        config = read_json(folder / ADAPTER_CONFIG)
        if not isinstance(config, dict):
            raise ValueError(f"{folder / ADAPTER_CONFIG} is no adapter config: it holds no JSON object; fetch it again")
        base = config.get("base_model_name_or_path")
        if not isinstance(base, str) or not base:
            raise ValueError(
                f"{folder / ADAPTER_CONFIG} does not say which model the adapter is for; "
                "put its name or folder there as base_model_name_or_path"
            )
        kind, revision = str(config.get("peft_type")), config.get("revision")
        if "num_virtual_tokens" in config:
            raise ValueError(
                f"{folder} is a PEFT adapter of type {kind}, which puts vectors before the prompt and cannot be merged "
                "into weights; give the model it is for"
            )
        return cls(folder, kind, base, revision if isinstance(revision, str) else None)


def merged(network: PreTrainedModel, adapter: Adapter) -> PreTrainedModel:
    """The network with the adapter in its weights; the network itself is used up.

    Raises:
        ValueError: If the adapter is not whole or does not fit.
        ExtraMissing: If peft is not installed.
    """
    found: PreTrainedModel = put_on(network, adapter.folder).merge_and_unload(safe_merge=True)
    found.__dict__.pop("peft_config", None)
    return found


def put_on(network: nn.Module, folder: Path) -> Any:
    """PEFT's model around a network, whose modules it replaces in place.

    Raises:
        ValueError: If tensors of the adapter are missing in its file, or find no place in the network.
        ExtraMissing: If peft is not installed.
    """
    library = optional("peft")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        adapted = library.PeftModel.from_pretrained(network, str(folder))
    for said in (str(warning.message) for warning in told):
        if "missing adapter keys" in said:
            missing = some(re.findall(r"'([^']+)'", said))
            raise ValueError(
                f"tensors of the adapter are missing in {folder} ({missing}) and would be as they were before "
                "training; save or fetch it again"
            )
    stored = set(library.load_peft_weights(str(folder), device="cpu"))
    used = set(library.get_peft_model_state_dict(adapted, save_embedding_layers=False))
    left = sorted(name for name in stored - used if "lora_" in name or "ia3_" in name)
    if left and stored & used:  # else PEFT renamed all of them
        raise ValueError(
            f"{len(left)} of {len(stored)} tensors of the adapter in {folder} find no place in the model "
            f"({some(left)}); was it trained on another one?"
        )
    return adapted
