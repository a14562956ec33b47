"""Checkpoints that are not whole: refused with what is missing, and what to do."""

import broken
import numpy as np
import pytest
import tiny
from safetensors.torch import load_file, save_file

import headpursuit as hp
from headpursuit.models import load
from headpursuit.models.checkpoints.names import renamed_in_words
from headpursuit.models.export.weights import reloaded


def _sharded(folder):
    tiny.network("llama").save_pretrained(folder, max_shard_size="60KB")
    tiny.word_tokenizer().save_pretrained(folder)
    second = next(folder.glob("*-00002-of-*"))
    stored = load_file(second)
    del stored[next(iter(stored))]
    save_file(stored, second, {"format": "pt"})
    return folder


O_PROJ = "model.layers.1.self_attn.o_proj.weight"

REFUSED = {
    "an output projection": (broken.edited(broken.without(O_PROJ)), rf"1 of the 30 tensors .*missing.*\({O_PROJ}\)"),
    "a query projection": (
        broken.edited(broken.without("0.self_attn.q_proj.weight")),
        r"1 of the 30 .*0\.self_attn\.q_proj",
    ),
    "all query projections": (broken.edited(broken.without("q_proj.weight")), r"3 of the 30 .*2\.self_attn\.q_proj"),
    "a norm": (broken.edited(broken.without("model.norm.weight")), r"\(model\.norm\.weight\)"),
    "the embedding": (broken.edited(broken.without("embed_tokens.weight")), r"\(model\.embed_tokens\.weight\)"),
    "an untied unembedding": (
        broken.edited(broken.without("lm_head.weight")),
        r"lm_head.*set tie_word_embeddings to true",
    ),
    "a bias": (broken.edited(broken.without("1.self_attn.o_proj.bias"), "llama_bias"), r"1\.self_attn\.o_proj\.bias"),
    "a Conv1D": (broken.edited(broken.without("h.1.attn.c_proj.weight"), "gpt2"), r"transformer\.h\.1\.attn\.c_proj"),
    "the last layer": (
        broken.edited(lambda stored: {n: v for n, v in stored.items() if ".layers.2." not in n}),
        r"9 of the 30 .*and 6 more.*the config has 3 layers at model\.layers, the file 2",
    ),
    "torch.compile": (
        broken.edited(broken.renamed(lambda name: f"_orig_mod.{name}")),
        r"30 of the 30 .*_orig_mod is left by torch\.compile\): rename _orig_mod\.(model\.layers\S+) to \1, and",
    ),
    "DataParallel": (broken.edited(broken.renamed(lambda name: f"module.{name}")), r"rename module\.(model\S+) to \1,"),
    "FSDP": (
        broken.edited(broken.renamed(lambda name: name.replace("layers.", "layers._fsdp_wrapped_module."))),
        r"_fsdp_wrapped_module is left by FSDP.* to model\.layers\.0",
    ),
    "PEFT around": (
        broken.edited(broken.renamed(lambda name: f"base_model.model.{name}")),
        r"base_model is left by PEFT",
    ),
    "PEFT within": (
        broken.edited(broken.renamed(lambda name: name.replace("q_proj", "q_proj.base_layer"))),
        r"3 of the 30 .*3 are in the file under other names \(base_layer is left by a PEFT adapter",
    ),
    "another prefix": (
        broken.edited(broken.renamed(lambda n: f"policy.net.{n}")),
        r"rename policy\.net\.(model\S+) to \1,",
    ),
    "more layers in the config": (
        broken.configured(num_hidden_layers=4),
        r"9 of the 39.*config has 4 layers .* the file 3",
    ),
    "more words": (broken.configured(vocab_size=310), r"shapes of 2 of the 30 .*300 x 32 in the file, 310 x 32 by the"),
    "fewer words": (
        broken.configured(vocab_size=290),
        r"lm_head\.weight: 300 x 32 in the file, 290 x 32 by the config",
    ),
    "other widths": (
        broken.configured(intermediate_size=64),
        r"9 of the 30 .*mlp\.down_proj\.weight: 32 x 48 in the file",
    ),
    "other heads": (
        broken.configured(num_key_value_heads=4),
        r"6 of the 30 .*k_proj\.weight: 16 x 32 in the file, 32 x 32",
    ),
    "a bias left out": (
        broken.edited(broken.beside(model__layers__1__self_attn__o_proj__bias=32)),
        r"out of layers it has \(model\.layers\.1\.self_attn\.o_proj\.bias\).*set attention_bias",
    ),
    "a norm left out": (
        broken.edited(broken.beside(model__layers__1__self_attn__q_norm__weight=8)),
        r"out of layers it has \(model\.layers\.1\.self_attn\.q_norm\.weight\).*config that the file was saved with",
    ),
    "an adapter left out": (
        broken.edited(broken.beside(model__layers__0__self_attn__q_proj__lora_A__weight=8)),
        r"out of layers it has .*lora_A",
    ),
    "one shard's tensor": (_sharded, r"1 of the 30 tensors of LlamaForCausalLM missing"),
    "a projector": (
        broken.seeing(broken.without("linear_1.weight")),
        r"LlavaForConditionalGeneration missing.*linear_1",
    ),
    "a whole projector": (
        broken.seeing(lambda stored: {n: v for n, v in stored.items() if "projector" not in n}),
        r"4 of the \d+ .*projector",
    ),
    "a vision tower": (
        broken.seeing(lambda stored: {n: v for n, v in stored.items() if "vision" not in n}),
        r"missing.*vision_tower",
    ),
    "GGUF: a projection": (
        broken.as_gguf(broken.without("1.attn_output.weight")),
        rf"1 of the 30 .*\({O_PROJ}\).*random",
    ),
    "GGUF: more layers": (broken.as_gguf(layers=4), r"9 of the 39 .*config has 4 layers .*, the file 3"),
    "GGUF: a bias left out": (
        broken.as_gguf(lambda stored: stored | {"blk.1.attn_output.bias": np.ones(32, dtype=np.float32)}),
        r"self_attn\.o_proj\.bias\).*reads no such tensors from GGUF files",
    ),
    "GGUF: a renamed part": (
        broken.as_gguf(broken.without("blk.2.ffn_up.weight"), split__count=2),
        r"one of 2 parts: join them with llama-gguf",
    ),
}


def test_a_prefix_that_the_file_lacks_is_named():
    missing = [f"model.language_model.layers.{i}.norm.weight" for i in range(3)]
    said = renamed_in_words(missing, [name.removeprefix("model.language_model.") for name in missing])
    assert said.startswith("3 are in the file under other names: rename layers.0.norm.weight to model.language_model.l")


def test_names_that_have_nothing_in_common_are_not_called_renamed():
    assert renamed_in_words(["model.layers.0.norm.weight"], ["score.weight", "head.bias"]) == ""


@pytest.mark.parametrize("case", REFUSED)
def test_a_checkpoint_that_is_not_whole_is_refused(case, tmp_path):
    make, reason = REFUSED[case]
    with pytest.raises(ValueError, match=reason) as refused:
        load(str(make(tmp_path / "m")), device="cpu")
    assert "\n" not in str(refused.value)
    assert str(tmp_path / "m") in str(refused.value)


def test_a_shape_alone_is_not_looked_at_when_no_weights_are_wanted(tmp_path):
    folder = REFUSED["an output projection"][0](tmp_path / "m")
    assert load(str(folder), weights=False).tokenizer("w5")["input_ids"] == [5]


@pytest.mark.parametrize("case", ["an output projection", "torch.compile", "more words", "a bias left out"])
def test_an_export_that_is_read_back_must_be_whole(case, tmp_path):
    make, reason = REFUSED[case]
    model = load(str(broken.whole(tmp_path / "base")), device="cpu")
    with pytest.raises(ValueError, match=reason):
        reloaded(model, make(tmp_path / "m"))


def test_an_edit_beyond_float16_is_not_exported(tmp_path):
    model = load(str(broken.whole(tmp_path / "m")), device="cpu", dtype="float16")
    edit = hp.Edit({hp.Head(0, 1): 3e6})
    for form in ("weights", "lora", "ia3"):
        with pytest.raises(ValueError, match="scaled by 3e.06, model.layers.0.self_attn.o_proj overflows float16"):
            hp.export(model, edit, tmp_path / form, form)
        assert not (tmp_path / form).exists()
    assert all(parameter.isfinite().all() for parameter in model.network.parameters())
