"""From a name to a model with certified heads."""

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.utils import logging as hub_logging
from transformers import AutoConfig, AutoModelForCausalLM, modeling_gguf_pytorch_utils
from transformers.utils import logging

from headpursuit.extras import optional
from headpursuit.models.adapters import Adapter, merged
from headpursuit.models.anatomy import GivenAnatomy, read_description
from headpursuit.models.checkpoints import (
    Loaded,
    Place,
    auto_class,
    check_read_in_silence,
    check_tokenizer,
    check_whole,
    explained,
    has_tokenizer,
    loaded_network,
    place_of,
    read_tokenizer,
)
from headpursuit.models.demo_vlm import DEMO_VLM, demo_vlm_folder
from headpursuit.models.embedded import EMBEDDED, embedded_folder, forget_gguf
from headpursuit.models.finite import unusable_weights
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.senses.processors import find_processor
from headpursuit.models.whisper_base import WHISPER_BASE, whisper_base_folder

_TP_SINCE = (5, 20)
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
    anatomy: GivenAnatomy | None = None,
) -> LanguageModel:
    """Load a language model and its tokenizer, or a model that sees or hears and its processor.

    A checkpoint that transformers knows as an image-text-to-text model is loaded as one if its image processor is
    there; encoder-decoders are loaded whole, with the encoder that reads a text (T5, BART), hears (Whisper) or sees
    (TrOCR); decoders that hear through places in their text (Qwen2-Audio) with their ears; GGUF files are text models.
    What no class opens whole is refused by its family's name. The base of a PEFT adapter is
    loaded, and the adapter merged into it. The heads are located and certified when they are first needed.

    Every weight comes from the files, or the checkpoint is refused; what the files hold beside is in `file_flags`.

    Args:
        name: `smollm2-135m` (the embedded model), `smollava-135m` (the demo model, which sees), `whisper-base` (which
            hears), a Hugging Face hub id, a local folder (of a model, of one GGUF file, or of a PEFT adapter), or a
            GGUF file.
        device: `auto` takes a GPU if there is one, else the CPU; or any torch device.
        dtype: `auto` is float32 on a CPU and the checkpoint's own on a GPU; or float32, bfloat16, float16.
        revision: Branch, tag or commit of a hub model.
        device_map: Spread the model over devices, main memory and disk, as `from_pretrained` does: `auto`, or module
            names and devices. Instead of `device`.
        tp_plan: `auto` shares every layer between the processes of `torchrun`, as `from_pretrained` does. Instead of
            `device`.
        anatomy: Where the heads are, if they cannot be found: see `LanguageModel`. Certified like any.
        weights: Without them only the tokenizer and the shapes are there, which takes no time: enough for `tokens_of`.

    Raises:
        FileNotFoundError: If a local path does not exist.
        OSError: If a hub model cannot be had.
        TypeError: If the name is neither a text nor a path.
        ValueError: If the checkpoint is no such model, is not whole, or holds weights that are not finite; if an option
            is unknown, or the device is not there.
        ExtraMissing: If it is an adapter and peft is not installed.
    """
    if (device_map or tp_plan) and device != "auto":
        raise ValueError(f"device {device!r} and device_map or tp_plan exclude each other; give one of them")
    if tp_plan and int(os.environ.get("WORLD_SIZE", 1)) < 2:
        raise ValueError("tp_plan shares a model between processes; start them with torchrun --nproc-per-node 2 -m ...")
    if tp_plan and tuple(map(int, transformers.__version__.split(".")[:2])) < _TP_SINCE:
        since = ".".join(map(str, _TP_SINCE))
        raise ValueError(f"tp_plan needs transformers {since} or newer; this is {transformers.__version__}")
    device = _device(device)
    if dtype not in ("auto", *_DTYPES):
        raise ValueError(f"unknown dtype {dtype!r}; choose auto, {', '.join(_DTYPES)}")
    placed = {key: value for key, value in (("device_map", device_map), ("tp_plan", tp_plan)) if value}
    name = _named(name)
    if anatomy is not None:
        read_description(anatomy)  # refused before anything is loaded
    place = _place(name)
    if place.is_adapter:
        how: dict[str, Any] = {"device": device, "dtype": dtype, "weights": weights, **placed}
        adapted = _adapted(name, place, revision, {**how, "device": "auto"} if placed else how)
        return adapted if anatomy is None else LanguageModel(**vars(adapted) | {"anatomy": anatomy})
    options: dict[str, Any] = {"revision": revision} if revision else {}
    if place.gguf:
        options["gguf_file"] = place.gguf
    wanted: Any = _DTYPES.get(dtype, torch.float32 if device == "cpu" or place.gguf else "auto")
    with explained(name, place, revision, (EMBEDDED, DEMO_VLM, WHISPER_BASE)):
        check_read_in_silence(place)
        # A GGUF file is parsed anew each time something is asked of it.
        config = None if place.gguf and weights else AutoConfig.from_pretrained(place.source, **options)
        processor = None
        if config is not None and not place.gguf:
            auto_class(config)  # refused before anything else is read
            processor = find_processor(config, place.source, options)
        tokenizer = processor.tokenizer if processor else read_tokenizer(place.source, options)
        kind = AutoModelForCausalLM if config is None else auto_class(config, processor)
        if not weights:
            with torch.device("meta"):
                loaded = Loaded(kind.from_config(config))
        else:
            if tp_plan:
                _check_divisible(config)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Passing `tp_plan` directly", FutureWarning)
                warnings.filterwarnings(
                    "ignore", "Detected pickle protocol", UserWarning
                )  # refused or read, all the same
                loaded = loaded_network(kind, place.source, dtype=wanted, **options, **placed)
    network, flags = loaded.network, check_whole(name, loaded)
    check_tokenizer(name, tokenizer, network)
    if not weights:
        return LanguageModel(network, tokenizer, name, processor=processor, anatomy=anatomy)
    _check_finite(name, network)
    if place.gguf:
        forget_gguf(network)
    if not placed:
        torch.nn.Module.to(network, device)
    commit = getattr(network.config, "_commit_hash", None)
    return LanguageModel(network, tokenizer, name, commit, processor, flags, anatomy)


def _adapted(name: str, place: Place, revision: str | None, options: dict[str, Any]) -> LanguageModel:
    """The base of an adapter, loaded and changed by it."""
    optional("peft")
    adapter = Adapter.read(Path(place.source))
    if Path(adapter.base).expanduser().is_dir() and place_of(adapter.base).is_adapter:
        raise ValueError(f"{name} is an adapter for {adapter.base}, which is an adapter too; merge that one first")
    try:
        base = load(adapter.base, revision=revision or adapter.revision, **options)
    except (OSError, ValueError) as error:
        kind = OSError if isinstance(error, OSError) else ValueError
        raise kind(
            f"{name} is an adapter for another model, which its adapter_config.json names as base_model_name_or_path: "
            f"{error}"
        ) from error
    if not options["weights"]:
        return replace(base, name=name)
    with explained(name, place):
        network = merged(base.network, adapter)
        tokenizer = read_tokenizer(place.source, {}) if has_tokenizer(adapter.folder) else base.tokenizer
    _check_finite(name, network)
    flags = (*base.file_flags, adapter.flag)
    return replace(base, network=network, tokenizer=tokenizer, name=name, revision=None, file_flags=flags)


def _check_finite(name: str, network: torch.nn.Module) -> None:
    reason = unusable_weights(network)
    if reason:
        raise ValueError(f"cannot use {name!r}: {reason}")


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
    modeling_gguf_pytorch_utils.tqdm = logging.tqdm  # else its bar is tqdm's own, which the line above does not reach
    hub_logging.set_verbosity_error()


def _named(name: Any) -> str:
    """A model's name, which may be a path; without this the empty one would be the folder that one is in."""
    wanted = f"give {EMBEDDED!r}, a hub id, a folder or a GGUF file"
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"a model is loaded by its name, but a {type(name).__name__} was given; {wanted}")
    if not os.fspath(name).strip():
        raise ValueError(f"the model's name is {os.fspath(name)!r}; {wanted}")
    return os.fspath(name)


def _place(name: str) -> Place:
    """The place of a model; our own are made at the first call."""
    own = {EMBEDDED: embedded_folder, DEMO_VLM: demo_vlm_folder, WHISPER_BASE: whisper_base_folder}
    return Place(str(own[name]())) if name in own else place_of(name)


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
