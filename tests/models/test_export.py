"""Exported edits against the live edit, loaded by stock transformers and stock PEFT."""

import json

import peft
import pytest
import tiny
import torch
from exporting import EDIT, FLIP, FORMATS, assert_as_before, bits, live, logits, saved, stock
from test_placement import mapped
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig

import headpursuit as hp
from headpursuit.heads import Edit, Head
from headpursuit.models import LanguageModel, load
from headpursuit.models.export import plan, weights


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt", "llama_wide_heads", "falcon_new"])
@pytest.mark.parametrize("form", FORMATS)
def test_stock_tools_load_what_the_live_edit_does(tmp_path, family, form):
    model = tiny.language_model(family)
    before, expected = bits(model.network), live(model, EDIT)
    written = hp.export(model, EDIT, tmp_path / "out", form)
    assert_as_before(model.network, before)
    assert all(parameter.requires_grad for parameter in model.network.parameters())
    assert (expected - logits(model.network)).abs().max() > 1e-3
    found = logits(stock(tmp_path / "out", form, model.network))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    if form == "ia3":
        assert torch.equal(found, expected)
        assert written.difference.logits == 0
    assert written.difference.effect > 0.01
    assert written.difference.equal_answers == written.difference.n_prompts == 8


@pytest.mark.parametrize(("form", "edit"), [("weights", FLIP), ("ia3", Edit({Head(0, 1): 0.7}))])
def test_what_is_exact_is_exact_in_every_dtype(tmp_path, form, edit):
    for dtype in ("float32", "bfloat16", "float16"):
        model = load(str(saved(tmp_path / "base")), device="cpu", dtype=dtype)
        expected = live(model, edit)
        hp.export(model, edit, tmp_path / dtype, form)
        assert torch.equal(logits(stock(tmp_path / dtype, form, model.network)), expected)


@pytest.mark.parametrize("form", FORMATS)
def test_half_precision_stays_half(tmp_path, form):
    model = tiny.language_model("gpt2")
    model.network.to(torch.bfloat16)
    written = hp.export(model, EDIT, tmp_path / "out", form)
    assert written.base.dtype == "bfloat16"
    assert written.difference.tolerance == 0.05
    assert written.difference.logits < 0.02
    assert (written.difference.logits == 0) == (form == "ia3")
    again = stock(tmp_path / "out", form, model.network)
    assert logits(again).dtype == torch.bfloat16


def test_tied_embeddings_stay_tied(tmp_path, monkeypatch):
    monkeypatch.setitem(tiny.CONFIGS, "tied", lambda: LlamaConfig(**tiny.GROUPED, tie_word_embeddings=True))
    model = tiny.language_model("tied")
    hp.export(model, EDIT, tmp_path / "out")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert again.lm_head.weight is again.model.embed_tokens.weight
    torch.testing.assert_close(logits(again), live(model, EDIT), atol=1e-5, rtol=1e-4)


def test_the_tokenizer_comes_along(tmp_path):
    model = tiny.language_model("llama", (" red",))
    hp.export(model, EDIT, tmp_path / "out")
    again = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert again.encode("so red") == model.tokenizer.encode("so red")


def test_a_sharded_checkpoint_becomes_one(tmp_path, monkeypatch):
    model = load(str(saved(tmp_path / "base", max_shard_size="30KB")), device="cpu")
    assert len(list((tmp_path / "base").glob("*.safetensors"))) > 1
    monkeypatch.setattr(weights, "_SHARD", "30KB")
    hp.export(model, EDIT, tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.safetensors"))) > 1
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    torch.testing.assert_close(logits(again), live(model, EDIT), atol=1e-5, rtol=1e-4)


OFFLOADED = [
    *(("llama_bias", form) for form in FORMATS),
    ("gpt2", "weights"),
    *(pytest.param("gpt2", form, marks=pytest.mark.slow) for form in FORMATS if form != "weights"),
]


@pytest.mark.parametrize(("family", "form"), OFFLOADED)
def test_an_offloaded_model_is_exported_and_stays_offloaded(tmp_path, family, form):
    saved(tmp_path / "model", family)
    plain, model = tiny.network(family), mapped(family, tmp_path)
    devices = dict(model.network.hf_device_map)
    places = {name: p.device for name, p in model.network.named_parameters()}
    before = logits(model.network)
    hp.export(model, EDIT, tmp_path / "out", form)
    assert {name: p.device for name, p in model.network.named_parameters()} == places
    assert torch.device("meta") in places.values()
    assert torch.equal(logits(model.network), before)
    assert model.network.hf_device_map == devices
    expected = live(LanguageModel(plain, tiny.tokenizer()), EDIT)
    torch.testing.assert_close(logits(stock(tmp_path / "out", form, plain)), expected, atol=1e-5, rtol=1e-4)


def test_a_model_offloaded_by_accelerate_without_a_map(tmp_path):
    import accelerate

    network = accelerate.cpu_offload(tiny.network("llama"), execution_device="cpu")
    model = LanguageModel(network, tiny.tokenizer())
    hp.export(model, EDIT, tmp_path / "out")
    assert not hasattr(network, "hf_device_map")
    expected = live(tiny.language_model("llama"), EDIT)
    found = logits(AutoModelForCausalLM.from_pretrained(tmp_path / "out"))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


class Quantizer:
    """What transformers leaves on a model that came from GGUF: it is dequantised, but refuses to be saved."""

    class quantization_config:
        quant_method = "gguf"

    def is_serializable(self):
        return False


def test_what_came_from_gguf_is_a_plain_checkpoint(tmp_path):
    model = tiny.language_model("llama")
    model.network.config.quantization_config = {"quant_method": "gguf"}
    model.network.hf_quantizer = quantizer = Quantizer()
    hp.export(model, EDIT, tmp_path / "out")
    assert "quantization_config" not in json.loads((tmp_path / "out" / "config.json").read_text())
    assert model.network.config.quantization_config == {"quant_method": "gguf"}
    assert model.network.hf_quantizer is quantizer


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_scaled_weights_are_put_back_bit_by_bit(family):
    network = tiny.network(family)
    model = LanguageModel(network, tiny.tokenizer())
    network.get_submodule(model.anatomy.sites[0].path).weight.data[0, 0] = -0.0
    before = bits(network)
    scaled = plan.plan(network, model.anatomy, EDIT, "weights")
    with pytest.raises(RuntimeError, match="in the middle"), weights.scaled_weights(network, scaled):
        during = bits(network)
        raise RuntimeError("in the middle")
    assert_as_before(network, before)
    moved = {name for name in before if not torch.equal(during[name], before[name])}
    assert moved == {f"{one.path}.weight" for one in scaled}


def test_ia3_is_small_and_names_full_paths(tmp_path):
    model = tiny.language_model("gpt2")
    hp.export(model, EDIT, tmp_path / "out", "ia3")
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert sorted(config["target_modules"]) == ["transformer.h.0.attn.c_proj", "transformer.h.2.attn.c_proj"]
    assert sorted(config["feedforward_modules"]) == sorted(config["target_modules"])
    assert config["fan_in_fan_out"] is True
    assert (tmp_path / "out" / "adapter_model.safetensors").stat().st_size < 1000


def test_the_manifest_says_what_was_measured(tmp_path):
    model = tiny.language_model("llama")
    written = hp.export(model, EDIT, tmp_path / "out", "ia3", prompts=["so far", "and on"], concept="hues")
    again = hp.Export.load(tmp_path / "out")
    assert again == written
    assert again.edit == EDIT
    assert again.prompts == ("so far", "and on")
    assert again.versions["peft"] == peft.__version__
    assert again.base.heads_sha256 == hp.models.heads_sha256(model)


def test_at_most_64_prompts_are_compared(tmp_path):
    model = tiny.language_model("llama")
    written = hp.export(model, EDIT, tmp_path / "out", "ia3", prompts=[f"word {i}" for i in range(70)])
    assert written.difference.n_prompts == 64


@pytest.mark.parametrize("form", FORMATS)
def test_the_card_can_be_followed(tmp_path, form):
    model = load(str(saved(tmp_path / "base")), device="cpu")
    hp.export(model, EDIT, tmp_path / "out", form, concept="hues", study="| a | study |")
    card = (tmp_path / "out" / "README.md").read_text()
    for part in (
        "for hues",
        "L0H1 × -1, L2H0 × 2.5, L2H3 × 0",
        f"format: {form}",
        str(tmp_path / "base"),
        "| a | study |",
    ):
        assert part in card
    assert "base_model:" not in card  # a folder here is no name on the hub
    names = {}
    exec(card.split("```python\n")[1].split("```")[0].replace("FOLDER", str(tmp_path / "out")), names)
    torch.testing.assert_close(logits(names["model"]), live(model, EDIT), atol=1e-5, rtol=1e-4)
    if form != "weights":
        assert torch.equal(logits(names["model"].unload()), logits(model.network))


def test_the_card_names_a_base_on_the_hub_and_its_revision(tmp_path):
    model = LanguageModel(tiny.network("llama"), tiny.tokenizer(), "someone/model", "abc123")
    hp.export(model, EDIT, tmp_path / "out", "ia3")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "base_model: someone/model\n" in card
    assert 'revision="abc123"' in card


def test_the_card_does_not_take_a_folder_for_a_name_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "someone" / "model").mkdir(parents=True)
    model = LanguageModel(tiny.network("llama"), tiny.tokenizer(), "someone/model")
    hp.export(model, EDIT, tmp_path / "out", "ia3")
    assert "base_model:" not in (tmp_path / "out" / "README.md").read_text()
