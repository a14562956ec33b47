"""From a name to a model with certified heads."""

import os
import struct
import warnings
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.utils import logging as hub_logging
from packaging.version import Version
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer
from transformers.utils import logging

from headpursuit.models.demo_vlm import DEMO_VLM, demo_vlm_folder
from headpursuit.models.embedded import EMBEDDED, embedded_folder, forget_gguf
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.processors import find_processor

_TP_SINCE = "5.20"
"""Before, layers were shared in other ways, which anatomy does not see through."""

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    revision: str | None = None,
    weights: bool = True,
    device_map: str | dict[str, Any] | None = None,
    tp_plan: str | None = None,
) -> LanguageModel:
    """Load a language model and its tokenizer, or a vision-language model and its processor.

    A checkpoint that transformers knows as an image-text-to-text model is loaded as one if its image processor is
    there; GGUF files are text models. The heads are located and certified when they are first needed.

    Args:
        name: `smollm2-135m` (the embedded model), `smollava-135m` (the demo model, which sees), a Hugging Face hub id,
            a local folder, or a GGUF file.
        device: `auto` takes a GPU if there is one, else the CPU; or any torch device.
        dtype: `auto` is float32 on a CPU and the checkpoint's own on a GPU; or float32, bfloat16, float16.
        revision: Branch, tag or commit of a hub model.
        device_map: Spread the model over devices, main memory and disk, as `from_pretrained` does: `auto`, or module
            names and devices. Instead of `device`.
        tp_plan: `auto` shares every layer between the processes of `torchrun`, as `from_pretrained` does. Instead of
            `device`.
        weights: Without them only the tokenizer and the shapes are there, which takes no time: enough for `tokens_of`.

    Raises:
        FileNotFoundError: If a local path does not exist.
        OSError: If a hub model cannot be had.
        ValueError: If the checkpoint is no such model, an option is unknown, or the device is not there.
    """
    if (device_map or tp_plan) and device != "auto":
        raise ValueError(f"device {device!r} and device_map or tp_plan exclude each other; give one of them")
    if tp_plan and int(os.environ.get("WORLD_SIZE", 1)) < 2:
        raise ValueError("tp_plan shares a model between processes; start them with torchrun --nproc-per-node 2 -m ...")
    if tp_plan and Version(transformers.__version__) < Version(_TP_SINCE):
        raise ValueError(f"tp_plan needs transformers {_TP_SINCE} or newer; this is {transformers.__version__}")
    device = _device(device)
    if dtype not in ("auto", *_DTYPES):
        raise ValueError(f"unknown dtype {dtype!r}; choose auto, {', '.join(_DTYPES)}")
    options: dict[str, Any] = {"revision": revision} if revision else {}
    placed = {key: value for key, value in (("device_map", device_map), ("tp_plan", tp_plan)) if value}
    source, gguf = _source(name)
    if gguf:
        options["gguf_file"] = gguf
    wanted: Any = _DTYPES.get(dtype, torch.float32 if device == "cpu" or gguf else "auto")
    # Where a model cannot be placed as asked, torch and accelerate raise whatever comes.
    expected = (
        OSError,
        ValueError,
        KeyError,
        ImportError,
        struct.error,
        *((RuntimeError, TypeError) if placed else ()),
    )
    try:
        config = None if gguf else AutoConfig.from_pretrained(source, **options)
        processor = None if config is None else find_processor(config, source, options)
        tokenizer = processor.tokenizer if processor else AutoTokenizer.from_pretrained(source, **options)
        kind = AutoModelForImageTextToText if processor else AutoModelForCausalLM
        if not weights:
            with torch.device("meta"):
                config = config or AutoConfig.from_pretrained(source, **options)
                return LanguageModel(kind.from_config(config), tokenizer, name, processor=processor)
        if tp_plan:
            _check_divisible(config)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Passing `tp_plan` directly", FutureWarning)
            network = kind.from_pretrained(source, dtype=wanted, **options, **placed)
    except expected as error:
        raise _explained(name, error) from error
    if gguf:
        forget_gguf(network)
    if not placed:
        torch.nn.Module.to(network, device)
    return LanguageModel(network, tokenizer, name, getattr(network.config, "_commit_hash", None), processor)


def _check_divisible(config: Any) -> None:
    """Refuse to share a model whose heads cannot be dealt out evenly."""
    processes, text = int(os.environ["WORLD_SIZE"]), config.get_text_config(decoder=True)
    for name in ("num_attention_heads", "num_key_value_heads"):
        count = getattr(text, name, None)
        if isinstance(count, int) and count % processes:
            raise ValueError(f"its {name} is {count}, which {processes} processes cannot share evenly (tp_plan)")


def quiet() -> None:
    """Keep transformers' own progress bars and notices off the terminal."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    hub_logging.set_verbosity_error()


def _source(name: str) -> tuple[str, str | None]:
    """What `from_pretrained` takes: folder or hub id, and the GGUF file within."""
    path = Path(name).expanduser()
    if name == EMBEDDED:
        return str(embedded_folder()), None
    if name == DEMO_VLM:
        return str(demo_vlm_folder()), None
    if path.is_file() and path.suffix == ".gguf":
        return str(path.parent), path.name
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise FileNotFoundError(f"{name} is no model folder: it has no config.json")
        return str(path), None
    if path.is_file():
        raise ValueError(f"{name} is a file, but not a .gguf file; give the folder that holds config.json")
    if path.suffix == ".gguf" or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise FileNotFoundError(f"there is no model at {name}")
    return name, None


def _device(device: str) -> str:
    if device == "auto":
        # Not Apple's GPU: it has no float64, which moments are summed in. Processes of one machine take one GPU each.
        local = int(os.environ.get("LOCAL_RANK", 0))
        return f"cuda:{local % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu"
    try:
        torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"unknown device {device!r}; give auto, cpu, cuda, cuda:1 or mps") from error
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for the device
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"device {device!r} cannot be used here: {reason}") from error
    return device


def _explained(name: str, error: Exception) -> Exception:
    """One line that says what was tried, of the same kind as the error."""
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, OSError) and not Path(name).expanduser().exists():
        ours = f"neither {EMBEDDED!r} nor {DEMO_VLM!r}"
        known = f"it is no local folder, no GGUF file, {ours}, and could not be had from the hub"
        return OSError(f"cannot load {name!r}: {known} ({first})")
    if isinstance(error, OSError):
        return OSError(f"cannot load {name!r}: {first}")
    return ValueError(f"cannot load {name!r} as a language model: {first}")
