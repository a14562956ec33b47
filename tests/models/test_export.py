"""Exported edits against the live edit, loaded by stock transformers and stock PEFT."""

import json
import resource
import subprocess
import sys
from contextlib import contextmanager

import peft
import pytest
import tiny
import torch
from test_placement import mapped
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, PreTrainedModel

import headpursuit as hp
from headpursuit.heads import Edit, Head
from headpursuit.models import Anatomy, Difference, HeadSite, LanguageModel, load
from headpursuit.models.export import compare, lora, plan, weights, writing

FORMATS = ("weights", "ia3", "lora")
EDIT = Edit({Head(0, 1): -1.0, Head(2, 3): 0.0, Head(2, 0): 2.5})
FLIP = Edit({Head(0, 1): -1.0, Head(2, 3): 2.0})  # factors that lose nothing when they are multiplied into weights
INPUTS = torch.arange(5, 15)[None]


@torch.no_grad()
def logits(network):
    return network(INPUTS).logits


def live(model, edit):
    with hp.rescale(model, edit):
        return logits(model.network)


def stock(path, form, base):
    """What somebody without headpursuit does."""
    if form == "weights":
        return AutoModelForCausalLM.from_pretrained(path, dtype="auto")
    return peft.PeftModel.from_pretrained(base, path)


def saved(folder, family="llama", **options):
    """A tiny model as a local folder."""
    tiny.network(family).save_pretrained(folder, **options)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def bits(network):
    return {name: value.clone().view(torch.uint8) for name, value in network.state_dict().items()}


def assert_as_before(network, before):
    assert all(torch.equal(value, before[name]) for name, value in bits(network).items())
    assert not any(isinstance(module, peft.tuners.tuners_utils.BaseTunerLayer) for module in network.modules())
    assert not hasattr(network, "peft_config")


def nothing_left(folder):
    return list(folder.iterdir()) == []


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


@pytest.mark.parametrize("family", ["llama_bias", "gpt2"])
@pytest.mark.parametrize("form", FORMATS)
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


def test_lora_has_one_rank_per_scaled_column_and_a_scaling_of_one(tmp_path):
    model = tiny.language_model("llama")
    written = hp.export(model, EDIT, tmp_path / "out", "lora")
    first, last = (f"model.layers.{layer}.self_attn.o_proj" for layer in (0, 2))
    assert written.ranks == {first: 8, last: 16}
    adapted = stock(tmp_path / "out", "lora", model.network).base_model.model
    for path, rank in written.ranks.items():
        layer = adapted.get_submodule(path)
        assert (layer.r["default"], layer.scaling["default"]) == (rank, 1.0)
        assert set(layer.lora_A["default"].weight.unique().tolist()) == {0.0, 1.0}
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["r"] == config["lora_alpha"] == 16  # their ratio is 1 also for readers that ignore the patterns


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


# What cannot be exported.


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
    with pytest.raises(ValueError, match="unknown format 'gguf'; choose weights, ia3, lora"):
        hp.export(tiny.language_model("llama"), EDIT, tmp_path / "out", "gguf")


def test_an_existing_output_is_refused_before_the_model_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_live", lambda *_: 1 / 0)
    with pytest.raises(FileExistsError, match="exists already"):
        hp.export(tiny.language_model("llama"), EDIT, tmp_path)


class PackedLinear(torch.nn.Linear):
    """int8 weights with a scale for all, like quantised linear layers: their columns cannot be scaled."""

    def __init__(self, linear):
        super().__init__(linear.in_features, linear.out_features, bias=False)
        self.step = linear.weight.abs().max().item() / 127
        packed = (linear.weight.detach() / self.step).round().to(torch.int8)
        self.weight = torch.nn.Parameter(packed, requires_grad=False)

    def forward(self, x):
        return x @ (self.weight.to(x.dtype) * self.step).T


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


def test_importing_headpursuit_and_its_models_imports_no_peft():
    code = "import sys, headpursuit, headpursuit.models, headpursuit.cli.exporting; sys.exit('peft' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@contextmanager
def files_at_most(size):
    """A disk that is full after so many bytes."""
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, kept[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)


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
    monkeypatch.setattr(weights.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="the weights take .* GB, but only 0.0 GB are free"):
        hp.export(tiny.language_model("llama"), EDIT, tmp_path / "out")
    assert nothing_left(tmp_path)


# What was written badly does not count.


def test_an_export_that_acts_otherwise_is_not_written(tmp_path, monkeypatch):
    model = tiny.language_model("llama")
    before = bits(model.network)
    monkeypatch.setattr(lora, "_factors", lambda module, one: (torch.ones(8, 32), torch.ones(32, 8)))
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


def outputs(values, answers=("a",)):
    return compare.Outputs((torch.tensor(values),), answers)


def test_difference_is_relative_to_the_largest_logit():
    found = compare.difference(outputs([1.0, 4.2]), outputs([1.0, 4.0]), outputs([3.0, 4.0], ()), torch.float32)
    assert found.logits == pytest.approx(0.05)
    assert found.effect == pytest.approx(0.5)
    assert not found.passed


def test_other_answers_are_counted():
    live = outputs([1.0, 4.0], ("a", "b"))
    found = compare.difference(outputs([1.0, 4.0], ("a", "c")), live, outputs([3.0, 4.0], ()), torch.float32)
    assert (found.equal_answers, found.n_prompts) == (1, 2)


def test_nan_and_other_tokens_never_pass():
    nan, inf = float("nan"), float("inf")
    fine = outputs([-inf, 4.0])
    assert compare.difference(fine, fine, outputs([-inf, 1.0]), torch.float32).passed
    for bad in (outputs([-inf, nan]), outputs([inf, 4.0]), outputs([[-inf, 4.0]])):
        assert not compare.difference(bad, fine, outputs([-inf, 1.0]), torch.float32).passed
    assert not Difference(nan, 1.0, 1e-4, 8, 8).passed
    assert not Difference(0.0, 0.0, 1e-4, 8, 8).passed


@pytest.mark.parametrize("form", ["ia3", "lora"])
def test_no_second_base_is_loaded_for_an_adapter(tmp_path, form, monkeypatch):
    monkeypatch.setattr(PreTrainedModel, "from_pretrained", lambda *_, **__: 1 / 0)
    hp.export(tiny.language_model("llama"), EDIT, tmp_path / "out", form)
    with pytest.raises(ZeroDivisionError):
        hp.export(tiny.language_model("llama"), EDIT, tmp_path / "weights")


# Checking again.


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
        ("format", "gguf", "no export that this version can read"),
        ("base", {}, "no export that this version can read"),
    ):
        (tmp_path / "out" / "manifest.json").write_text(json.dumps({**manifest, key: value}))
        with pytest.raises(ValueError, match=text):
            hp.verify_export(tmp_path / "out", base)


def test_the_saved_tokenizer_pads_on_the_left(tmp_path):
    """Else batches of prompts are answered wrongly by whoever loads the checkpoint."""
    hp.export(tiny.word_model(), Edit({Head(1, 2): -1.0}), tmp_path / "out", "weights")
    assert AutoTokenizer.from_pretrained(tmp_path / "out").padding_side == "left"
