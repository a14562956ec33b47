"""Edits, bases and disks that cannot be exported, and what is left behind: nothing."""

import sys

import pytest
import tiny
import torch
from exporting import (
    EDIT,
    FORMATS,
    PackedLinear,
    assert_as_before,
    bits,
    files_at_most,
    live,
    logits,
    nothing_left,
    stock,
)

import headpursuit as hp
from headpursuit.heads import Edit, Head
from headpursuit.models import Anatomy, HeadSite
from headpursuit.models.export import adapters, plan, weights, writing


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (Edit(EDIT, "prompt"), "scope 'prompt' cannot be exported"),
        (Edit(EDIT, [0, -1]), r"scope \(-1, 0\) cannot be exported"),
        (Edit({}), "the edit changes nothing: it names no head"),
        (Edit({Head(0, 1): 1.0}), "the edit changes nothing: .* or every scale is 1"),
        (Edit({Head(0, 4): -1.0}), "L0H4 does not exist: the model has 12 heads"),
        (Edit({Head(3, 0): -1.0}), "L3H0 does not exist"),
    ],
)
@pytest.mark.parametrize("form", FORMATS)
def test_edits_that_cannot_be_exported_are_refused(tmp_path, edit, text, form):
    with pytest.raises(ValueError, match=text):
        hp.export(tiny.language_model("llama"), edit, tmp_path / "out", form)
    assert nothing_left(tmp_path)


def test_an_unknown_format_is_refused(tmp_path, as_users_run_it):
    with pytest.raises(ValueError, match="unknown format 'onnx'; choose weights, ia3, lora, gguf, gguf-lora"):
        hp.export(tiny.language_model("llama"), EDIT, tmp_path / "out", "onnx")


def test_an_existing_output_is_refused_before_the_model_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_live", lambda *_: 1 / 0)
    with pytest.raises(FileExistsError, match="exists already"):
        hp.export(tiny.language_model("llama"), EDIT, tmp_path)


def packed(family="llama", layers=(0, 2)):
    model = tiny.language_model(family)
    for layer in layers:
        attention = model.network.model.layers[layer].self_attn
        attention.o_proj = PackedLinear(attention.o_proj)
    return model


@pytest.mark.parametrize("form", ["weights", "lora"])
def test_a_quantised_base_is_refused_with_advice(tmp_path, form):
    with pytest.raises(ValueError, match="layers.0.self_attn.o_proj is quantised .*int8.*; use format 'ia3'"):
        hp.export(packed(), EDIT, tmp_path / "out", form)
    assert nothing_left(tmp_path)


def test_quantised_elsewhere_is_no_plain_checkpoint_either(tmp_path):
    with pytest.raises(ValueError, match="the model is quantised .* use format 'ia3'"):
        hp.export(packed(layers=(1,)), EDIT, tmp_path / "out")
    model = tiny.language_model("llama")
    model.network.config.quantization_config = {"quant_method": "bitsandbytes"}
    with pytest.raises(ValueError, match="the model is quantised \\(bitsandbytes\\)"):
        hp.export(model, EDIT, tmp_path / "out")


def test_ia3_serves_a_quantised_base(tmp_path):
    model = packed()
    expected = live(model, EDIT)
    hp.export(model, EDIT, tmp_path / "out", "ia3")
    assert torch.equal(logits(stock(tmp_path / "out", "ia3", model.network)), expected)


class OtherLinear(torch.nn.Module):
    """A linear layer that neither transformers nor PEFT knows."""

    def __init__(self, linear):
        super().__init__()
        self.weight, self.in_features = linear.weight, linear.in_features

    def forward(self, x):
        return x @ self.weight.T


@pytest.mark.parametrize("form", FORMATS)
def test_an_unknown_module_is_refused(tmp_path, form):
    model = tiny.language_model("llama")
    attention = model.network.model.layers[0].self_attn
    attention.o_proj = OtherLinear(attention.o_proj)
    with pytest.raises(ValueError, match="o_proj is a OtherLinear; only Linear and Conv1D projections"):
        hp.export(model, EDIT, tmp_path / "out", form)


def shared():
    """Layers 0 and 2 have one weight."""
    model = tiny.language_model("llama")
    layers = model.network.model.layers
    layers[2].self_attn.o_proj.weight = layers[0].self_attn.o_proj.weight
    return model


@pytest.mark.parametrize("form", ["weights", "lora"])
@pytest.mark.parametrize("edit", [Edit({Head(0, 1): -1}), Edit({Head(0, 1): -1, Head(2, 1): 0})])
def test_one_weight_cannot_be_scaled_in_two_ways(tmp_path, form, edit):
    text = r"layers.0.self_attn.o_proj and model.layers.2.self_attn.o_proj share one weight"
    with pytest.raises(ValueError, match=text):
        hp.export(shared(), edit, tmp_path / "out", form)


def test_a_shared_weight_is_scaled_once_where_both_layers_agree():
    model, edit = shared(), Edit({Head(0, 1): -2, Head(2, 1): -2})
    expected = live(model, edit)
    scaled = plan.plan(model.network, model.anatomy, edit, "weights")
    with weights.scaled_weights(model.network, scaled):
        torch.testing.assert_close(logits(model.network), expected, atol=1e-5, rtol=1e-4)


def test_ia3_scales_layers_apart_that_share_a_weight(tmp_path):
    model, edit = shared(), Edit({Head(0, 1): -1})
    expected = live(model, edit)
    hp.export(model, edit, tmp_path / "out", "ia3")
    assert torch.equal(logits(stock(tmp_path / "out", "ia3", model.network)), expected)


@pytest.mark.parametrize("form", FORMATS)
def test_all_runs_of_one_projection_are_scaled_alike(form):
    network, path = tiny.network("llama"), "model.layers.0.self_attn.o_proj"
    looped = Anatomy(tuple(HeadSite(layer, path, 4, 8, call=layer) for layer in range(2)))
    with pytest.raises(ValueError, match="L0 and L1 are runs of one projection"):
        plan.plan(network, looped, Edit({Head(0, 1): -1}), form)
    alike = plan.plan(network, looped, Edit({Head(0, 1): -1, Head(1, 1): -1}), form)
    assert [one.path for one in alike] == [path]
    assert alike[0].columns.tolist() == list(range(8, 16))


@pytest.mark.parametrize("form", ["ia3", "lora"])
def test_without_peft_the_extra_is_named(tmp_path, form, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ImportError, match=r"need the package peft .* pip install 'headpursuit\[export\]'"):
        hp.export(tiny.language_model("llama"), EDIT, tmp_path / "out", form)
    hp.export(tiny.language_model("llama"), EDIT, tmp_path / "weights")


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_leaves_nothing(tmp_path, form):
    model = tiny.language_model("llama")
    before = bits(model.network)
    with pytest.raises(Exception, match="[Ff]ile too large"), files_at_most(600):
        hp.export(model, EDIT, tmp_path / "out", form)
    assert nothing_left(tmp_path)
    assert_as_before(model.network, before)


def test_a_disk_that_is_too_small_is_told_beforehand(tmp_path, monkeypatch):
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="the weights take .* GB, but only 0.0 GB are free"):
        hp.export(tiny.language_model("llama"), EDIT, tmp_path / "out")
    assert nothing_left(tmp_path)


def test_an_export_that_acts_otherwise_is_not_written(tmp_path, monkeypatch):
    model = tiny.language_model("llama")
    before = bits(model.network)
    monkeypatch.setattr(adapters, "_factors", lambda module, one: (torch.ones(8, 32), torch.ones(32, 8)))
    with pytest.raises(ValueError, match="the exported lora do not act like the live edit"):
        hp.export(model, Edit({Head(1, 1): -1.0}), tmp_path / "out", "lora")
    assert nothing_left(tmp_path)
    assert_as_before(model.network, before)


def test_an_export_that_does_nothing_is_not_written_even_where_the_edit_does_little(tmp_path, monkeypatch):
    model = tiny.language_model("llama")
    model.network.to(torch.bfloat16)
    weak = Edit({Head(2, 3): 1.01})
    monkeypatch.setattr(weights, "scaled_weights", lambda *_: files_at_most(10**9))
    with pytest.raises(ValueError, match="the edit hardly moves the logits of these prompts"):
        hp.export(model, weak, tmp_path / "out")
    assert nothing_left(tmp_path)


def test_the_base_is_as_before_after_a_failed_reload(tmp_path, monkeypatch):
    model = tiny.language_model("llama")
    before = bits(model.network)
    monkeypatch.setattr(writing, "outputs_of", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(writing, "_live", lambda *_: (None, None))
    with pytest.raises(ZeroDivisionError):
        hp.export(model, EDIT, tmp_path / "out", "ia3")
    assert_as_before(model.network, before)
    assert nothing_left(tmp_path)
