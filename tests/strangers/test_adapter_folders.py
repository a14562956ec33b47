"""A folder of a PEFT adapter as a model: merged into its base, or refused."""

import json

import broken
import peft
import pytest
import tiny
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

import headpursuit as hp
from headpursuit.models import export, load
from headpursuit.models.export.adapters import adapter_on


@pytest.fixture
def base(tmp_path):
    return broken.whole(tmp_path / "base")


def test_an_adapter_is_merged_into_its_base_and_says_so(base, tmp_path):
    adapted = broken.adapter(tmp_path / "lora", base)
    model = load(str(tmp_path / "lora"), device="cpu")
    ids = torch.tensor([[5, 7, 9]])
    torch.testing.assert_close(model.network(ids).logits, adapted(ids).logits)
    assert not torch.allclose(model.network(ids).logits, tiny.network("llama")(ids).logits, atol=1e-3)
    assert type(model.network) is hf.LlamaForCausalLM
    assert model.name == str(tmp_path / "lora")
    assert f"a PEFT adapter (LORA) was merged into {base}" in model.flags["merged_adapter"]
    assert model.certificate.flags == {"merged_adapter": 3}


def test_an_edit_of_a_merged_model_can_be_exported(base, tmp_path):
    broken.adapter(tmp_path / "lora", base)
    model = load(str(tmp_path / "lora"), device="cpu")
    edit = hp.Edit({hp.Head(0, 1): -1.0})
    for form in ("weights", "ia3"):
        export(model, edit, tmp_path / form, form)
        assert hp.verify_export(tmp_path / form).passed


def test_an_exported_adapter_is_a_model(base, tmp_path):
    model, edit = load(str(base), device="cpu"), hp.Edit({hp.Head(0, 1): -1.0})
    export(model, edit, tmp_path / "ia3", "ia3")
    ids = torch.tensor([[5, 7, 9]])
    with hp.rescale(model, edit):
        expected = model.network(ids).logits
    torch.testing.assert_close(load(str(tmp_path / "ia3"), device="cpu").network(ids).logits, expected)


def test_the_tokenizer_of_an_adapter_wins(base, tmp_path):
    broken.adapter(tmp_path / "lora", base)
    words = tiny.word_tokenizer()
    words.add_tokens(["w5 w6"])
    words.save_pretrained(tmp_path / "lora")
    assert len(load(str(tmp_path / "lora"), device="cpu").tokenizer) == 301


def test_without_weights_an_adapter_has_the_tokens_of_its_base(base, tmp_path):
    broken.adapter(tmp_path / "lora", base)
    assert load(str(tmp_path / "lora"), weights=False).tokenizer("w5")["input_ids"] == [5]


def _adapter_config(**changes):
    def change(folder):
        file = folder / "adapter_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return change


def _adapter_weights(change):
    def write(folder):
        file = folder / "adapter_model.safetensors"
        save_file(change(load_file(file)), file)

    return write


def _nan(stored):
    next(iter(stored.values())).view(-1)[0] = float("nan")
    return stored


ADAPTERS = {
    "a tensor gone": (
        _adapter_weights(broken.without("1.self_attn.o_proj.lora_B.weight")),
        r"the adapter are missing in .*1\.self",
    ),
    "another base": (
        _adapter_weights(lambda s: s | {n.replace(".2.", ".7."): v.clone() for n, v in s.items() if ".2." in n}),
        r"4 of 16 tensors of the adapter .* find no place in the model \(.*layers\.7",
    ),
    "another rank": (_adapter_config(r=3), r"size mismatch for .*lora_A"),
    "a pointer": (
        lambda f: (f / "adapter_model.safetensors").write_text(broken.LFS),
        r"adapter_model\S* is a Git LFS pointer",
    ),
    "half": (lambda f: broken.cut(f / "adapter_model.safetensors"), r"adapter_model\.safetensors is cut off"),
    "no weights": (lambda f: (f / "adapter_model.safetensors").unlink(), r"cannot load .*lora"),
    "not a number": (_adapter_weights(_nan), r"cannot (load|use) .*lora.*NaN"),
    "a list for a config": (
        lambda f: (f / "adapter_config.json").write_text("[1, 2]"),
        r"adapter_config\.json is no adapter config: it holds no JSON object; fetch it again",
    ),
    "no base": (_adapter_config(base_model_name_or_path=None), r"does not say which model the adapter is for"),
    "a base that is gone": (
        _adapter_config(base_model_name_or_path="/gone/base"),
        r"an adapter for another model.*no model at /gone/base",
    ),
    "a base that is not whole": (
        lambda f: broken.tensors(f.parent / "base", broken.without("q_proj.weight")),
        r"adapter for .*: 3 of the 30",
    ),
    "prompt tuning": (
        _adapter_config(peft_type="PROMPT_TUNING", num_virtual_tokens=4),
        r"PROMPT_TUNING, which puts vectors before",
    ),
    "an adapter for itself": (
        lambda f: _adapter_config(base_model_name_or_path=str(f))(f),
        r"is an adapter too; merge that one first",
    ),
    "of no kind": (_adapter_config(peft_type="NONSENSE"), r"cannot load .*NONSENSE"),
    "no JSON": (lambda f: broken.cut(f / "adapter_config.json"), r"adapter_config\.json is not valid JSON"),
    "beside a model": (
        lambda f: broken.whole(f),
        r"holds the weights of a model and adapter_config\.json, so it says two things",
    ),
}


@pytest.mark.parametrize("case", ADAPTERS)
def test_an_adapter_that_cannot_be_put_on_is_refused(case, base, tmp_path):
    broken.adapter(tmp_path / "lora", base)
    change, reason = ADAPTERS[case]
    change(tmp_path / "lora")
    with pytest.raises((ValueError, OSError), match=reason) as refused:
        load(str(tmp_path / "lora"), device="cpu")
    assert "\n" not in str(refused.value)


def test_an_export_whose_adapter_lost_a_tensor_is_refused_and_the_model_untouched(base, tmp_path):
    model = load(str(base), device="cpu")
    export(model, hp.Edit({hp.Head(0, 1): -1.0, hp.Head(1, 1): 2.0}), tmp_path / "lora", "lora")
    _adapter_weights(broken.without("layers.1.self_attn.o_proj.lora_B.weight"))(tmp_path / "lora")
    paths = [f"model.layers.{i}.self_attn.o_proj" for i in range(2)]
    with (
        pytest.raises(ValueError, match="tensors of the adapter are missing"),
        adapter_on(model.network, tmp_path / "lora", paths),
    ):
        pass
    assert not any(isinstance(m, peft.tuners.tuners_utils.BaseTunerLayer) for m in model.network.modules())
