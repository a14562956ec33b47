"""PEFT adapters on a network: put on by PEFT itself, whole, or refused."""

import re
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from headpursuit.extras import ExtraMissing
from headpursuit.models.checkpoints.names import some


def peft_library() -> ModuleType:
    """The package peft, which only adapters need.

    Raises:
        ExtraMissing: If it is not installed.
    """
    try:
        import peft
    except ImportError as error:
        raise ExtraMissing("adapters", "peft", "export", error) from error
    return peft


def put_on(network: nn.Module, folder: Path) -> Any:
    """Let PEFT put an adapter on a network; its modules are replaced in place.

    Returns:
        PEFT's model around the network.

    Raises:
        ValueError: If tensors of the adapter are missing in its file, or find no place in the network.
    """
    library = peft_library()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        adapted = library.PeftModel.from_pretrained(network, str(folder))
    for warning in told:
        said = str(warning.message)
        if "missing adapter keys" in said:
            missing = re.findall(r"'([^']+)'", said)
            raise ValueError(
                f"tensors of the adapter are missing in {folder} ({some(missing)}) and would be as they were before "
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
