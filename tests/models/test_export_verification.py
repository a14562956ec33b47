"""An export is compared with the live edit, when it is written and later."""

import json

import pytest
import tiny
import torch
from exporting import EDIT, FORMATS, saved
from transformers import AutoTokenizer, PreTrainedModel

import headpursuit as hp
from headpursuit.heads import Edit, Head
from headpursuit.models import Difference, load
from headpursuit.models.export import compare


def outputs(values, answers=("a",)):
    return compare.Outputs((torch.tensor(values),), answers)


def test_difference_is_relative_to_the_largest_logit():
    found = compare.difference(outputs([1.0, 4.2]), outputs([1.0, 4.0]), outputs([3.0, 4.0], ()), 1e-4)
    assert found.logits == pytest.approx(0.05)
    assert found.effect == pytest.approx(0.5)
    assert not found.passed


def test_other_answers_are_counted():
    live = outputs([1.0, 4.0], ("a", "b"))
    found = compare.difference(outputs([1.0, 4.0], ("a", "c")), live, outputs([3.0, 4.0], ()), 1e-4)
    assert (found.equal_answers, found.n_prompts) == (1, 2)


def test_nan_and_other_tokens_never_pass():
    nan, inf = float("nan"), float("inf")
    fine = outputs([-inf, 4.0])
    assert compare.difference(fine, fine, outputs([-inf, 1.0]), 1e-4).passed
    for bad in (outputs([-inf, nan]), outputs([inf, 4.0]), outputs([[-inf, 4.0]])):
        assert not compare.difference(bad, fine, outputs([-inf, 1.0]), 1e-4).passed
    assert not Difference(nan, 1.0, 1e-4, 8, 8).passed
    assert not Difference(0.0, 0.0, 1e-4, 8, 8).passed


@pytest.mark.parametrize("form", ["ia3", "lora"])
def test_no_second_base_is_loaded_for_an_adapter(tmp_path, form, monkeypatch):
    monkeypatch.setattr(PreTrainedModel, "from_pretrained", lambda *_, **__: 1 / 0)
    hp.export(tiny.language_model("llama"), EDIT, tmp_path / "out", form)
    with pytest.raises(ZeroDivisionError):
        hp.export(tiny.language_model("llama"), EDIT, tmp_path / "weights")


@pytest.fixture
def base(tmp_path):
    saved(tmp_path / "base")
    return load(str(tmp_path / "base"), device="cpu")


@pytest.mark.parametrize("form", FORMATS)
def test_verify_repeats_the_comparison(tmp_path, base, form):
    written = hp.export(base, EDIT, tmp_path / "out", form, prompts=["so far", "and on"])
    assert written.difference.n_prompts == 2
    assert hp.verify_export(tmp_path / "out", base) == written.difference
    assert hp.verify_export(tmp_path / "out") == written.difference  # the base is loaded by its name
    assert hp.verify_export(tmp_path / "out", base, prompts=["so far"]).n_prompts == 1


@pytest.mark.parametrize("form", FORMATS)
def test_another_base_is_refused(tmp_path, base, form):
    hp.export(base, EDIT, tmp_path / "out", form)
    with pytest.raises(ValueError, match="wrong base: .* has another unembedding; give the model it was made for"):
        hp.verify_export(tmp_path / "out", tiny.language_model("llama", seed=1))
    with torch.no_grad():
        base.network.model.layers[1].self_attn.o_proj.weight[0, 0] += 1
    with pytest.raises(ValueError, match="has another set of output projections"):
        hp.verify_export(tmp_path / "out", base)
    with pytest.raises(ValueError, match="in bfloat16 has another dtype"):
        hp.verify_export(tmp_path / "out", load(str(tmp_path / "base"), device="cpu", dtype="bfloat16"))


def test_a_changed_file_is_refused(tmp_path, base):
    hp.export(base, EDIT, tmp_path / "out", "ia3")
    with (tmp_path / "out" / "adapter_model.safetensors").open("rb+") as file:
        file.seek(-1, 2)
        file.write(b"\x07")
    with pytest.raises(ValueError, match="damaged: adapter_model.safetensors does not match its checksum"):
        hp.verify_export(tmp_path / "out", base)


def test_a_manifest_that_claims_something_else_is_refused(tmp_path, base, as_users_run_it):
    hp.export(base, EDIT, tmp_path / "out", "ia3")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    for key, value, text in (
        ("edit", {"scales": {"L0H1": -1, "L2H3": 0, "L2H0": -2.5}}, "do not act like the live edit"),
        ("format", "onnx", "no export that this version can read"),
        ("base", {}, "no export that this version can read"),
    ):
        (tmp_path / "out" / "manifest.json").write_text(json.dumps({**manifest, key: value}))
        with pytest.raises(ValueError, match=text):
            hp.verify_export(tmp_path / "out", base)


def test_the_saved_tokenizer_pads_on_the_left(tmp_path):
    """Else batches of prompts are answered wrongly by whoever loads the checkpoint."""
    hp.export(tiny.word_model(), Edit({Head(1, 2): -1.0}), tmp_path / "out", "weights")
    assert AutoTokenizer.from_pretrained(tmp_path / "out").padding_side == "left"
