"""LoRA adapters of one rank, cut to a smaller one, of several edits side by side, and those written before."""

import json

import peft
import pytest
import tiny
import torch
from exporting import EDIT, INPUTS, live, logits, saved
from safetensors.torch import load_file, save_file

import headpursuit as hp
from headpursuit.heads import Edit
from headpursuit.models import load, undo_export

FIRST, LAST = (f"model.layers.{layer}.self_attn.o_proj" for layer in (0, 2))
OTHER = Edit({"L0H1": 2.0, "L1H3": -1.0})


def test_every_module_has_one_rank_and_one_alpha(tmp_path):
    model = tiny.language_model("llama")
    written = hp.export(model, EDIT, tmp_path / "out", "lora")
    assert written.ranks == {FIRST: 16, LAST: 16}
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["r"] == config["lora_alpha"] == 16
    assert config["rank_pattern"] == config["alpha_pattern"] == {}
    stored = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert {tuple(one.shape) for one in stored.values()} == {(16, 32), (32, 16)}
    # alpha / rank of each tensor's own rank, as llama.cpp's converter takes it
    for path, scales in ((FIRST, {1: -1.0}), (LAST, {3: 0.0, 0: 2.5})):
        a, b = (stored[f"base_model.model.{path}.lora_{x}.weight"] for x in "AB")
        weight = model.network.get_submodule(path).weight
        wanted = weight.clone()
        for head, scale in scales.items():
            wanted[:, 8 * head : 8 * head + 8] *= scale
        torch.testing.assert_close(weight + config["lora_alpha"] / len(a) * b @ a, wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("rank", "vllm"), [(16, 16), (20, 32), (32, 32)])
def test_a_larger_rank_is_filled_up(tmp_path, rank, vllm):
    written = hp.export(tiny.language_model("llama"), EDIT, tmp_path / "out", "lora", rank=rank)
    assert written.difference.logits <= 1e-4
    assert written.remarks == (f"rank {rank} for every module, alpha the same; vLLM needs --max-lora-rank {vllm}",)


def test_a_cut_edit_is_measured(tmp_path):
    model = tiny.language_model("llama")
    cut = hp.export(model, Edit({"L0H1": -1.0}), tmp_path / "out", "lora", rank=7)
    (remark,) = cut.remarks
    assert remark.startswith(
        "rank 7 for every module, alpha the same; vLLM needs --max-lora-rank 8; cut from 8, the change"
    )
    weight = model.network.get_submodule(FIRST).weight[:, 8:16]
    sizes = torch.linalg.svdvals(weight.double())
    assert f"off by {float(sizes[7] / sizes.norm()):.1%}" in remark
    assert 1e-4 < cut.difference.logits <= cut.difference.effect / 2
    assert hp.verify_export(tmp_path / "out", model).logits == cut.difference.logits
    with pytest.raises(ValueError, match="do not act like the live edit"):
        hp.export(model, EDIT, tmp_path / "no", "lora", rank=1)


@pytest.mark.parametrize("rank", [0, -1, 33])
def test_ranks_that_are_none_are_refused(tmp_path, rank):
    with pytest.raises(ValueError, match=rf"rank {rank} is none .* give 1 to 32 \(16 holds the edit whole\)"):
        hp.export(tiny.language_model("llama"), EDIT, tmp_path / "out", "lora", rank=rank)


def test_an_adapter_of_several_ranks_is_still_read(tmp_path):
    """As version 0.1.0 wrote them at first: a rank and an alpha for each module."""
    model = load(str(saved(tmp_path / "base")), device="cpu")
    written = hp.export(model, EDIT, tmp_path / "out", "lora")
    file, folder = tmp_path / "out" / "adapter_model.safetensors", tmp_path / "out"
    stored = load_file(file)
    a, b = (f"base_model.model.{FIRST}.lora_{x}.weight" for x in "AB")
    stored |= {a: stored[a][:8].contiguous(), b: stored[b][:, :8].contiguous()}
    save_file(stored, file, metadata={"format": "pt"})
    config = json.loads((folder / "adapter_config.json").read_text())
    config |= {"rank_pattern": {FIRST: 8, LAST: 16}, "alpha_pattern": {FIRST: 8, LAST: 16}}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in ("remarks", "originals"):
        del manifest[name]
    manifest["ranks"][FIRST] = 8
    from headpursuit.storage import sha256_of

    manifest["files"] |= {name: sha256_of(folder / name) for name in manifest["files"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert hp.Export.load(folder).ranks == {FIRST: 8, LAST: 16}
    assert hp.verify_export(folder, model).logits == pytest.approx(written.difference.logits, abs=1e-6)


@pytest.mark.parametrize("form", ["lora", "ia3"])
def test_several_concepts_are_served_side_by_side(tmp_path, form):
    model = tiny.language_model("llama")
    for name, edit in (("one", EDIT), ("two", OTHER)):
        hp.export(model, edit, tmp_path / name, form)
    expected = {name: live(model, edit) for name, edit in (("one", EDIT), ("two", OTHER))}
    base = logits(model.network)
    served = peft.PeftModel.from_pretrained(model.network, tmp_path / "one", adapter_name="one")
    served.load_adapter(str(tmp_path / "two"), adapter_name="two")
    for name in ("one", "two", "one"):
        served.set_adapter(name)
        torch.testing.assert_close(logits(served), expected[name], atol=1e-5, rtol=1e-4)
    with served.disable_adapter():
        assert torch.equal(logits(served), base)
    if form == "lora":
        with torch.no_grad():
            mixed = served(INPUTS.repeat(3, 1), adapter_names=["two", "__base__", "one"]).logits
        wanted = torch.cat([expected["two"], base, expected["one"]])
        torch.testing.assert_close(mixed, wanted, atol=1e-5, rtol=1e-4)
    assert torch.equal(logits(served.unload()), base)


def test_several_edits_are_one_as_they_nest(tmp_path):
    model = tiny.language_model("llama")
    one = hp.SavedEdit(EDIT, concept="hues", unembedding_sha256="a")
    both = hp.SavedEdit.of_several([one, hp.SavedEdit(OTHER, concept="months")])
    assert (both.concept, both.unembedding_sha256) == ("hues and months", "a")
    assert dict(both.edit) == dict(Edit({"L0H1": -2, "L1H3": -1, "L2H0": 2.5, "L2H3": 0}))
    with hp.rescale(model, OTHER):
        expected = live(model, EDIT)
    torch.testing.assert_close(live(model, both.edit), expected)
    hp.export(model, both.edit, tmp_path / "out", remarks=("made of two",))
    torch.testing.assert_close(
        logits(load(str(tmp_path / "out"), device="cpu").network), expected, atol=1e-5, rtol=1e-4
    )
    assert "- made of two\n" in (tmp_path / "out" / "README.md").read_text()
    with pytest.raises(ValueError, match="for models with different unembeddings"):
        hp.SavedEdit.of_several([one, hp.SavedEdit(OTHER, unembedding_sha256="b")])
    with pytest.raises(ValueError, match="edits of scopes 'all' and 'prompt' cannot be one"):
        hp.SavedEdit.of_several([one, hp.SavedEdit(Edit(OTHER, "prompt"))])


@pytest.mark.parametrize(("scale", "exact"), [(-1.0, True), (2.0, True), (0.7, False)])
def test_a_checkpoint_is_taken_back(tmp_path, scale, exact):
    model = load(str(saved(tmp_path / "base")), device="cpu")
    hp.export(model, Edit({"L0H1": scale, "L2H3": -1}), tmp_path / "out")
    assert undo_export(tmp_path / "out", tmp_path / "back", device="cpu") == exact
    back = load(str(tmp_path / "back"), device="cpu")
    with pytest.raises(ValueError, match="out is edited already .*, or --again"):
        hp.export(load(str(tmp_path / "out"), device="cpu"), OTHER, tmp_path / "more")
    for name, value in model.network.state_dict().items():
        torch.testing.assert_close(back.network.state_dict()[name], value, rtol=0 if exact else 1e-6, atol=0)


def test_what_cannot_be_taken_back_is_said(tmp_path):
    model = load(str(saved(tmp_path / "base")), device="cpu")
    hp.export(model, EDIT, tmp_path / "out")
    with pytest.raises(ValueError, match="cannot be undone: it multiplied L2H3 by 0, and what stood there is gone"):
        undo_export(tmp_path / "out", tmp_path / "back", device="cpu")
    hp.export(model, EDIT, tmp_path / "ia3", "ia3")
    with pytest.raises(ValueError, match=r"is an adapter \(ia3\), which changes no weights: leave it out"):
        undo_export(tmp_path / "ia3", tmp_path / "back", device="cpu")
    assert not (tmp_path / "back").exists()


def test_an_edit_that_changes_nothing_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="the edit changes nothing: every scale is 1; give another"):
        hp.SavedEdit(Edit({"L0H1": 1})).save(tmp_path / "e.json")
    assert not (tmp_path / "e.json").exists()
