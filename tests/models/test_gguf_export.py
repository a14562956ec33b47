"""Edits of models that came from GGUF files, shipped as GGUF files and adapters, and compared by running them."""

import json

import numpy as np
import pytest
import tiny
import torch
from broken import gguf
from exporting import EDIT, FLIP, assert_as_before, bits, live, logits, nothing_left
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFReader
from gguf.quants import quantize
from gguf_files import metadata, tensors

import headpursuit as hp
from headpursuit.heads import Edit
from headpursuit.models import load, undo_export, verify_gguf
from headpursuit.models.export.gguf.adapter import GgufAdapter


def q8_0(stored):
    """Output projections in blocks of 32, which are four heads of the tiny model."""
    kind = Kind.Q8_0
    return {name: (quantize(one, kind), kind) if "attn_output" in name else one for name, one in stored.items()}


@pytest.fixture(scope="module", params=[lambda stored: stored, q8_0], ids=["F32", "Q8_0"])
def model(request, tmp_path_factory):
    return load(str(gguf(tmp_path_factory.mktemp("gguf") / "m.gguf", request.param)), device="cpu")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return load(str(gguf(tmp_path_factory.mktemp("gguf") / "m.gguf")), device="cpu")


def test_the_edited_file_is_the_live_edit(model, tmp_path):
    before, expected = bits(model.network), live(model, EDIT)
    written = hp.export(model, EDIT, tmp_path / "out", "gguf", concept="hues")
    assert_as_before(model.network, before)
    again = load(str(tmp_path / "out" / "m-edited.gguf"), device="cpu")
    torch.testing.assert_close(logits(again.network), expected, atol=3e-3, rtol=3e-3)
    assert any("tensors are byte-identical" in remark for remark in written.remarks)
    stored_otherwise = any("stored in F16" in remark for remark in written.remarks)
    assert written.difference.tolerance == (1e-2 if stored_otherwise else 1e-4)
    assert hp.verify_export(tmp_path / "out", model) == written.difference
    assert "gguf" in written.versions


def test_where_the_format_holds_the_edit_it_is_exact(plain, tmp_path):
    written = hp.export(plain, FLIP, tmp_path / "out", "gguf")
    assert written.difference.logits == 0
    assert torch.equal(logits(load(str(tmp_path / "out"), device="cpu").network), live(plain, FLIP))
    assert undo_export(tmp_path / "out", tmp_path / "back.gguf")
    assert (tmp_path / "back.gguf").read_bytes() == hp.models.gguf_path(plain.name).read_bytes()


def test_other_weights_under_the_same_heads_are_refused(tmp_path):
    path = gguf(tmp_path / "m.gguf")
    model = load(str(path), device="cpu")
    path.unlink()
    gguf(path, lambda stored: {n: np.roll(v, 1, -1) if "attn_output" in n else v for n, v in stored.items()})
    with pytest.raises(
        ValueError, match=r"columns of L0H1 in blk\.0\.attn_output\.weight of .* are not the weights that"
    ):
        hp.export(model, EDIT, tmp_path / "out", "gguf")
    assert [file.name for file in tmp_path.iterdir()] == ["m.gguf"]


@pytest.mark.parametrize("form", ["gguf", "gguf-lora"])
def test_a_model_that_is_no_gguf_file_is_told_the_way(tmp_path, form):
    for model in (tiny.language_model("llama"), hp.models.LanguageModel(tiny.network("llama"), tiny.tokenizer())):
        with pytest.raises(
            ValueError, match="no GGUF file, and headpursuit converts none: .*convert_hf_to_gguf.py OUT"
        ):
            hp.export(model, EDIT, tmp_path / "out", form)
    assert nothing_left(tmp_path)


def test_an_adapter_for_llama_cpp_is_the_live_edit(model, tmp_path):
    before = bits(model.network)
    written = hp.export(model, EDIT, tmp_path / "out", "gguf-lora", concept="hues")
    assert_as_before(model.network, before)
    assert written.difference.logits <= 1e-4
    assert written.remarks == ("rank 16 for every module, alpha the same; vLLM needs --max-lora-rank 16",)
    assert hp.verify_export(tmp_path / "out", model) == written.difference
    path, base = tmp_path / "out" / "m-lora.gguf", hp.models.gguf_path(model.name)
    assert "cannot be told from this file alone" in verify_gguf(path)
    assert "is off by" in verify_gguf(path, base)


def test_an_adapter_is_what_llama_cpp_reads(plain, tmp_path):
    """`llama_adapter_lora_init_impl`: metadata, names, and shapes (ne[0] is the last axis here)."""
    hp.export(plain, EDIT, tmp_path / "out", "gguf-lora")
    path = tmp_path / "out" / "m-lora.gguf"
    said, found = metadata(path), tensors(path)
    assert (said["general.type"], said["adapter.type"], said["general.architecture"]) == ("adapter", "lora", "llama")
    assert said["adapter.lora.alpha"] == 16
    base = tensors(hp.models.gguf_path(plain.name))
    for name, factors in (("blk.0", {1: -1.0}), ("blk.2", {3: 0.0, 0: 2.5})):
        name = f"{name}.attn_output.weight"
        a, b = found[f"{name}.lora_a"], found[f"{name}.lora_b"]
        assert (a.shape, b.shape) == ((16, 32), (32, 16))
        wanted = base[name].copy()
        for head, scale in factors.items():
            wanted[:, 8 * head : 8 * head + 8] *= scale
        np.testing.assert_allclose(base[name] + said["adapter.lora.alpha"] / b.shape[1] * b @ a, wanted, atol=1e-6)
    assert len(found) == 4
    assert {one.tensor_type for one in GGUFReader(path).tensors} == {Kind.F32}


def test_an_adapter_of_another_alpha_is_refused(plain, tmp_path):
    hp.export(plain, EDIT, tmp_path / "out", "gguf-lora")
    path = tmp_path / "out" / "m-lora.gguf"
    content = path.read_bytes()
    at = content.index(b"adapter.lora.alpha") + len(b"adapter.lora.alpha") + 4
    path.write_bytes(content[:at] + np.float32(8).tobytes() + content[at + 4 :])
    with pytest.raises(ValueError, match=r"another rank than alpha \(8\), so llama\.cpp would scale its tensors"):
        GgufAdapter.read(path)


def test_a_rank_belongs_to_a_lora(plain, tmp_path):
    with pytest.raises(ValueError, match="a rank is one of a LoRA, and format 'gguf' is none"):
        hp.export(plain, EDIT, tmp_path / "out", "gguf", rank=2)


def test_an_edited_file_as_the_base_is_refused_and_taken_where_it_is_asked_for(plain, tmp_path):
    hp.export(plain, FLIP, tmp_path / "one", "gguf")
    edited = load(str(tmp_path / "one"), device="cpu")
    more = Edit({"L1H2": -1})
    for form in ("gguf", "gguf-lora", "ia3"):
        with pytest.raises(ValueError, match=r"is edited already \(L0H1 × -1, L2H3 × 2\); give the model it was"):
            hp.export(edited, more, tmp_path / "two", form)
    hp.export(edited, more, tmp_path / "two", "gguf", again=True)
    assert undo_export(tmp_path / "two", tmp_path / "back.gguf")
    assert (tmp_path / "back.gguf").read_bytes() == hp.models.gguf_path(plain.name).read_bytes()


def test_the_folder_says_what_was_done(plain, tmp_path):
    hp.export(plain, Edit({"L0H1": 0.7}), tmp_path / "out", "gguf")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["remarks"][1].startswith("blk.0.attn_output.weight: F32, ")
    assert manifest["remarks"][1] in (tmp_path / "out" / "README.md").read_text()
