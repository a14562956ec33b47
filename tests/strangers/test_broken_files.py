"""Files that cannot be read, models that listen, weights that are no numbers, adapters: one line, and what to do."""

import json
from collections import namedtuple
from pathlib import Path

import broken
import peft
import pytest
import tiny
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

import headpursuit as hp
from headpursuit.models import AnatomyError, LanguageModel, export, load

Case = namedtuple("Case", "make reason")


def _at(name, content, family="llama"):
    """A file of a whole checkpoint replaced: by bytes or text, or by what a function makes of it."""

    def make(folder):
        file = broken.whole(folder, family) / name
        file.write_bytes(content(file.read_bytes()) if callable(content) else content.encode())
        return folder

    return make


def _half(content):
    return content[: len(content) // 2]


def _torch_at(change):
    def make(folder):
        change(broken.as_torch(broken.whole(folder)))
        return folder

    return make


class _Stranger:
    """What a pickle may hold beside weights."""


def _without_files(*patterns, family="llama"):
    def make(folder):
        broken.whole(folder, family)
        for pattern in patterns:
            for file in folder.glob(pattern):
                file.unlink()
        return folder

    return make


def _shards(change):
    def make(folder):
        tiny.network("llama").save_pretrained(folder, max_shard_size="60KB")
        tiny.word_tokenizer().save_pretrained(folder)
        change(sorted(folder.glob("model-*.safetensors"))[1])
        return folder

    return make


def _gguf_at(change, name="m.gguf"):
    def make(folder):
        folder.mkdir()
        file = broken.gguf(folder / name)
        change(file)
        return file

    return make


def _parts(*present):
    def make(folder):
        folder.mkdir()
        for name in present:
            broken.gguf(folder / name)
        return folder / present[0]

    return make


LFS_LINE = r"is a Git LFS pointer, not the file itself; fetch it with: git lfs pull"
FIRST, SECOND = "m-00001-of-00002.gguf", "m-00002-of-00002.gguf"

BROKEN = {
    "safetensors: a pointer": Case(_at("model.safetensors", broken.LFS), rf"model\.safetensors {LFS_LINE}"),
    "safetensors: empty": Case(_at("model.safetensors", ""), r"model\.safetensors is empty; fetch it again"),
    "safetensors: half": Case(_at("model.safetensors", _half), r"is cut off: [\d,]+ of [\d,]+ bytes are there"),
    "safetensors: its header cut": Case(_at("model.safetensors", lambda c: c[:200]), r"cut off: it ends within its"),
    "safetensors: three bytes": Case(_at("model.safetensors", "abc"), r"model\.safetensors is no safetensors file"),
    "safetensors: a web page": Case(_at("model.safetensors", "<!DOCTYPE html><p>sign in"), r"is a web page, not the"),
    "safetensors: its header damaged": Case(
        _at("model.safetensors", lambda c: c[:9] + b"\xff" + c[10:]), r"model\.safetensors has a damaged header"
    ),
    ".bin: a pointer": Case(_torch_at(lambda f: f.write_text(broken.LFS)), rf"pytorch_model\.bin {LFS_LINE}"),
    ".bin: empty": Case(_torch_at(lambda f: f.write_bytes(b"")), r"pytorch_model\.bin is empty"),
    ".bin: half": Case(_torch_at(broken.cut), r"\.bin is cut off: it ends after [\d,]+ bytes, without"),
    ".bin: text": Case(_torch_at(lambda f: f.write_text("hello")), r"pytorch_model\.bin is no file that torch wrote"),
    ".bin: objects": Case(
        _torch_at(lambda f: torch.save({"a": _Stranger()}, f)), r"holds Python objects beside weights.*to safetensors"
    ),
    ".bin: an old one, half": Case(
        _torch_at(lambda f: broken.cut(torch.save(torch.load(f), f, _use_new_zipfile_serialization=False) or f)),
        r"cannot load",
    ),
    "a part: gone": Case(_shards(Path.unlink), r"index\.json: 1 of the \d files it names are not there \(model-00002"),
    "a part: a pointer": Case(_shards(lambda f: f.write_text(broken.LFS)), rf"model-00002-of-\d+\S+ {LFS_LINE}"),
    "a part: half": Case(_shards(broken.cut), r"model-00002-of-\d+\.safetensors is cut off"),
    "no weights": Case(_without_files("*.safetensors"), r"no file named"),
    "config: half": Case(_at("config.json", _half), r"config\.json is no valid JSON .*is it cut off\? fetch it again"),
    "config: a pointer": Case(_at("config.json", broken.LFS), rf"config\.json {LFS_LINE}"),
    "config: a list": Case(_at("config.json", "[]"), r"config\.json holds no JSON object"),
    "config: empty": Case(_at("config.json", ""), r"config\.json is empty"),
    "config: no family": Case(_at("config.json", "{}"), r"cannot load"),
    "config: widths that do not divide": Case(
        lambda f: broken.config(broken.whole(f), num_attention_heads=5), r"cannot load .*"
    ),
    "config: text for a number": Case(lambda f: broken.config(broken.whole(f), hidden_size="wide"), r"cannot load .*"),
    "tokenizer: a pointer": Case(_at("tokenizer.json", broken.LFS), rf"tokenizer\.json {LFS_LINE}"),
    "tokenizer: half": Case(_at("tokenizer.json", _half), r"tokenizer\.json is no valid JSON"),
    "tokenizer: empty": Case(_at("tokenizer.json", ""), r"tokenizer\.json is empty"),
    "tokenizer: blanks": Case(_at("tokenizer.json", "  \n"), r"tokenizer\.json is empty"),
    "tokenizer: of no kind": Case(_at("tokenizer.json", "{}"), r"cannot load"),
    "tokenizer: its config cut": Case(_at("tokenizer_config.json", _half), r"tokenizer_config\.json is no valid JSON"),
    "tokenizer: none": Case(_without_files("tokenizer*"), r"it has no tokenizer.*tokenizer\.json, or tokenizer\.model"),
    "tokenizer: only its config": Case(_without_files("tokenizer.json"), r"it has no tokenizer"),
    "tokenizer: none for GPT-2": Case(
        _without_files("tokenizer*", family="gpt2"), r"it has no tokenizer \(0 tokens for 300 rows of the embedding\)"
    ),
    "GGUF: a pointer": Case(_gguf_at(lambda f: f.write_text(broken.LFS)), rf"m\.gguf {LFS_LINE}"),
    "GGUF: empty": Case(_gguf_at(lambda f: f.write_bytes(b"")), r"m\.gguf is empty"),
    "GGUF: half": Case(_gguf_at(broken.cut), r"m\.gguf is cut off or damaged \(.*, after [\d,]+ bytes\); fetch"),
    "GGUF: its header cut": Case(_gguf_at(lambda f: broken.cut(f, 0.05)), r"m\.gguf is cut off or damaged"),
    "GGUF: another format": Case(_gguf_at(lambda f: f.write_bytes(b"GGML" + bytes(99))), r"m\.gguf is no GGUF file"),
    "GGUF: the first part": Case(
        _parts(FIRST), rf"part 1 of 2 of a divided GGUF file \({SECOND} missing here\).*--merge {FIRST} m\.gguf"
    ),
    "GGUF: the second part": Case(_parts(SECOND), rf"part 2 of 2 .*\({FIRST} missing here\).*--merge {FIRST} m\.gguf"),
    "GGUF: both parts": Case(_parts(FIRST, SECOND), r"part 1 of 2 .*\(all 2 are here\).*llama-gguf-split --merge"),
    "GGUF: a folder of parts": Case(lambda f: _parts(FIRST, SECOND)(f).parent, r"part 1 of 2 .*llama-gguf-split"),
    "GGUF: two in a folder": Case(
        lambda f: _parts("a.gguf", "b.GGUF")(f).parent, r"holds 2 GGUF files; name one: a\.gguf, b\.GGUF"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_cannot_be_read_is_one_line(case, tmp_path):
    with pytest.raises((ValueError, OSError), match=BROKEN[case].reason) as refused:
        load(str(BROKEN[case].make(tmp_path / "m")), device="cpu")
    assert "\n" not in str(refused.value)
    assert str(tmp_path / "m") in str(refused.value)
    assert "weights_only" not in str(refused.value)


def test_a_damaged_file_that_is_not_read_does_no_harm(tmp_path):
    folder = broken.whole(tmp_path / "m")
    (folder / "pytorch_model.bin").write_text(broken.LFS)
    (folder / "optimizer.pt").write_text(broken.LFS)
    (folder / "mmproj-x.gguf").write_text(broken.LFS)
    assert load(str(folder), device="cpu").file_flags == ()


def _speech(family, network_class):
    sizes = dict(d_model=32, decoder_layers=1, encoder_layers=1, decoder_ffn_dim=48, encoder_ffn_dim=48)
    heads = dict(decoder_attention_heads=4, encoder_attention_heads=4, pad_token_id=0, decoder_start_token_id=1)
    config = hf.AutoConfig.for_model(family, vocab_size=300, eos_token_id=2, bos_token_id=1, **sizes, **heads)
    return network_class(config)


def _saved(folder, network):
    network.save_pretrained(folder)
    tiny.word_tokenizer().save_pretrained(folder)
    return folder


LISTENING = {
    "whisper": lambda: _speech("whisper", hf.WhisperForConditionalGeneration),
    "speech_to_text": lambda: _speech("speech_to_text", hf.Speech2TextForConditionalGeneration),
}


@pytest.mark.parametrize("family", LISTENING)
def test_models_that_listen_are_refused_by_name(family, tmp_path):
    folder = _saved(tmp_path / "m", LISTENING[family]())
    with pytest.raises(ValueError, match=f"cannot load .*: {family} listens; headpursuit has no ears yet"):
        load(str(folder), device="cpu")


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        ("moonshine", "moonshine listens"),
        ("seamless_m4t", "seamless_m4t listens"),
        ("speecht5", "speecht5 listens"),
        ("qwen2_audio", "qwen2_audio listens"),
        ("musicgen", "musicgen is an encoder-decoder that writes no text"),
        ("t5", "t5 is an encoder-decoder, and headpursuit reads causal language models"),
        ("led", "led is an encoder-decoder"),
    ],
)
def test_their_siblings_are_refused_before_any_weight_is_read(family, reason, tmp_path):
    hf.AutoConfig.for_model(family).save_pretrained(tmp_path)
    tiny.word_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"cannot load .*: {reason}"):
        load(str(tmp_path), device="cpu")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("model.layers.1.mlp.up_proj.weight", float("nan"), "1 of 1,536 values that are NaN"),
        ("model.layers.0.self_attn.o_proj.weight", float("inf"), "1 of 1,024 values that are infinite"),
        ("model.embed_tokens.weight", float("nan"), "1 of 9,600 values that are NaN"),
    ],
)
def test_a_weight_that_is_no_number_is_named(name, value, words, tmp_path):
    folder = broken.whole(tmp_path / "m")
    broken.tensors(folder, lambda stored: stored[name].view(-1)[3:4].fill_(value) is not None and stored)
    with pytest.raises(ValueError, match=f"cannot use .*m': {name} holds {words}; the file is damaged"):
        load(str(folder), device="cpu")


def test_a_weight_beyond_float16_says_which_dtypes_hold_it(tmp_path):
    folder = broken.whole(tmp_path / "m")
    broken.tensors(folder, lambda stored: stored["model.norm.weight"].fill_(1e6) is not None and stored)
    with pytest.raises(ValueError, match="model.norm.weight holds 32 of 32 .*load it as bfloat16 or float32"):
        load(str(folder), device="cpu", dtype="float16")
    assert load(str(folder), device="cpu", dtype="bfloat16").anatomy.n_heads == 12


def test_a_weight_that_is_no_number_is_named_in_a_network_built_by_hand():
    network = tiny.network("llama")
    network.model.layers[1].mlp.up_proj.weight.data[2, 3] = float("nan")
    with pytest.raises(
        AnatomyError, match="weights of LlamaForCausalLM are not finite: model.layers.1.mlp.up_proj.weig"
    ):
        LanguageModel(network, tiny.word_tokenizer()).anatomy  # noqa: B018


def test_values_that_overflow_are_told_from_heads_that_are_mixed():
    network = tiny.network("llama").half()
    network.model.layers[0].mlp.up_proj.weight.data.fill_(6e4)
    network.model.layers[0].mlp.gate_proj.weight.data.fill_(6e4)
    with pytest.raises(AnatomyError, match=r"values overflow float16 at model\.layers\.0\.mlp.*as bfloat16 or float32"):
        LanguageModel(network, tiny.word_tokenizer()).anatomy  # noqa: B018


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
        _adapter_weights(broken.without("1.self_attn.o_proj.lora_B.weight")), r"the adapter are missing in .*1\.self"
    ),
    "another base": (
        _adapter_weights(lambda s: s | {n.replace(".2.", ".7."): v.clone() for n, v in s.items() if ".2." in n}),
        r"4 of 16 tensors of the adapter .* find no place in the model \(.*layers\.7",
    ),
    "another rank": (_adapter_config(r=3), r"size mismatch for .*lora_A"),
    "a pointer": (lambda f: (f / "adapter_model.safetensors").write_text(broken.LFS), rf"adapter_model\S* {LFS_LINE}"),
    "half": (lambda f: broken.cut(f / "adapter_model.safetensors"), r"adapter_model\.safetensors is cut off"),
    "no weights": (lambda f: (f / "adapter_model.safetensors").unlink(), r"cannot load .*lora"),
    "not a number": (_adapter_weights(_nan), r"cannot (load|use) .*lora.*NaN"),
    "no base": (_adapter_config(base_model_name_or_path=None), r"does not say which model the adapter is for"),
    "a base that is gone": (
        _adapter_config(base_model_name_or_path="/gone/base"), r"an adapter for another model.*no model at /gone/base"
    ),
    "a base that is not whole": (
        lambda f: broken.tensors(f.parent / "base", broken.without("q_proj.weight")), r"adapter for .*: 3 of the 30"
    ),
    "prompt tuning": (
        _adapter_config(peft_type="PROMPT_TUNING", num_virtual_tokens=4), r"PROMPT_TUNING, which puts vectors before"
    ),
    "an adapter for itself": (
        lambda f: _adapter_config(base_model_name_or_path=str(f))(f), r"is an adapter too; merge that one first"
    ),
    "of no kind": (_adapter_config(peft_type="NONSENSE"), r"cannot load .*NONSENSE"),
    "no JSON": (lambda f: broken.cut(f / "adapter_config.json"), r"adapter_config\.json is not valid JSON"),
    "beside a model": (
        lambda f: broken.whole(f), r"holds the weights of a model and adapter_config\.json, so it says two things"
    ),
}  # fmt: skip


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
    from headpursuit.models.export.adapters import adapter_on

    _adapter_weights(broken.without("layers.1.self_attn.o_proj.lora_B.weight"))(tmp_path / "lora")
    paths = [f"model.layers.{i}.self_attn.o_proj" for i in range(2)]
    with (
        pytest.raises(ValueError, match="tensors of the adapter are missing"),
        adapter_on(model.network, tmp_path / "lora", paths),
    ):
        pass
    assert not any(isinstance(m, peft.tuners.tuners_utils.BaseTunerLayer) for m in model.network.modules())
