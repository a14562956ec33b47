"""A PEFT adapter in place of a model: which base it is for, and both made one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from headpursuit.models.adapters import peft_library, put_on
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
        base = config.get("base_model_name_or_path") if isinstance(config, dict) else None
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
    peft_library()
    adapted: Any = put_on(network, adapter.folder)
    found: PreTrainedModel = adapted.merge_and_unload(safe_merge=True)
    found.__dict__.pop("peft_config", None)
    return found
