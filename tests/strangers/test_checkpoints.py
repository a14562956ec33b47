"""Checkpoints that are not whole: refused with what is missing, or loaded with a flag that says what was left out."""

import re

import broken
import numpy as np
import pytest
import tiny
import tiny_vision
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

import headpursuit as hp
from headpursuit.analysis import diagnose
from headpursuit.models import load
from headpursuit.models.export.weights import reloaded


def _edited(change, family="llama", **config):
    """A checkpoint whose tensors are changed, and its config."""

    def make(folder):
        broken.whole(folder, family)
        broken.tensors(folder, change)
        return broken.config(folder, **config) if config else folder

    return make


def _configured(family="llama", **config):
    return lambda folder: broken.config(broken.whole(folder, family), **config)


def _gguf(*how, **header):
    return lambda folder: broken.gguf(_made(folder) / "m.gguf", *how, **header)


def _made(folder):
    folder.mkdir()
    return folder


def _vision(change):
    def make(folder):
        model = tiny_vision.shared("llava")
        model.network.save_pretrained(folder)
        model.processor.save_pretrained(folder)
        return broken.tensors(folder, change)

    return make


def _sharded(folder):
    tiny.network("llama").save_pretrained(folder, max_shard_size="60KB")
    tiny.word_tokenizer().save_pretrained(folder)
    second = next(folder.glob("*-00002-of-*"))
    stored = load_file(second)
    del stored[next(iter(stored))]
    save_file(stored, second, {"format": "pt"})
    return folder


def _bart(folder):
    sizes = dict(d_model=32, decoder_layers=1, encoder_layers=1, decoder_ffn_dim=48, encoder_ffn_dim=48)
    heads = dict(decoder_attention_heads=4, encoder_attention_heads=4, max_position_embeddings=64, pad_token_id=0)
    network = hf.BartForConditionalGeneration(hf.BartConfig(vocab_size=300, **sizes, **heads))
    network.save_pretrained(folder)
    tiny.word_tokenizer().save_pretrained(folder)
    return folder


O_PROJ = "model.layers.1.self_attn.o_proj.weight"

REFUSED = {
    "an output projection": (_edited(broken.without(O_PROJ)), rf"1 of the 30 tensors .*missing.*\({O_PROJ}\)"),
    "a query projection": (_edited(broken.without("0.self_attn.q_proj.weight")), r"1 of the 30 .*0\.self_attn\.q_proj"),
    "all query projections": (_edited(broken.without("q_proj.weight")), r"3 of the 30 .*2\.self_attn\.q_proj"),
    "a norm": (_edited(broken.without("model.norm.weight")), r"\(model\.norm\.weight\)"),
    "the embedding": (_edited(broken.without("embed_tokens.weight")), r"\(model\.embed_tokens\.weight\)"),
    "an untied unembedding": (_edited(broken.without("lm_head.weight")), r"lm_head.*set tie_word_embeddings to true"),
    "a bias": (_edited(broken.without("1.self_attn.o_proj.bias"), "llama_bias"), r"1\.self_attn\.o_proj\.bias"),
    "a Conv1D": (_edited(broken.without("h.1.attn.c_proj.weight"), "gpt2"), r"transformer\.h\.1\.attn\.c_proj"),
    "the last layer": (
        _edited(lambda stored: {n: v for n, v in stored.items() if ".layers.2." not in n}),
        r"9 of the 30 .*and 6 more.*the config has 3 layers at model\.layers, the file 2",
    ),
    "torch.compile": (
        _edited(broken.renamed(lambda name: f"_orig_mod.{name}")),
        r"30 of the 30 .*_orig_mod is left by torch\.compile\): rename _orig_mod\.(model\.layers\S+) to \1, and",
    ),
    "DataParallel": (_edited(broken.renamed(lambda name: f"module.{name}")), r"rename module\.(model\S+) to \1,"),
    "FSDP": (
        _edited(broken.renamed(lambda name: name.replace("layers.", "layers._fsdp_wrapped_module."))),
        r"_fsdp_wrapped_module is left by FSDP.* to model\.layers\.0",
    ),
    "PEFT around": (_edited(broken.renamed(lambda name: f"base_model.model.{name}")), r"base_model is left by PEFT"),
    "PEFT within": (
        _edited(broken.renamed(lambda name: name.replace("q_proj", "q_proj.base_layer"))),
        r"3 of the 30 .*3 are in the file under other names \(base_layer is left by a PEFT adapter",
    ),
    "another prefix": (_edited(broken.renamed(lambda n: f"policy.net.{n}")), r"rename policy\.net\.(model\S+) to \1,"),
    "a prefix too few": (
        _edited(broken.renamed(lambda n: n.removeprefix("model.layers."))),
        r"rename 0\.(\S+) to model\.layers\.0\.\1",
    ),
    "more layers in the config": (_configured(num_hidden_layers=4), r"9 of the 39.*config has 4 layers .* the file 3"),
    "more words": (_configured(vocab_size=310), r"2 of the 30 .*another shape.*300 x 32 in the file, 310 x 32 by the"),
    "fewer words": (_configured(vocab_size=290), r"lm_head\.weight: 300 x 32 in the file, 290 x 32 by the config"),
    "other widths": (_configured(intermediate_size=64), r"9 of the 30 .*mlp\.down_proj\.weight: 32 x 48 in the file"),
    "other heads": (_configured(num_key_value_heads=4), r"6 of the 30 .*k_proj\.weight: 16 x 32 in the file, 32 x 32"),
    "a bias left out": (
        _edited(broken.beside(model__layers__1__self_attn__o_proj__bias=32)),
        r"out of layers it has \(model\.layers\.1\.self_attn\.o_proj\.bias\).*set attention_bias",
    ),
    "a norm left out": (
        _edited(broken.beside(model__layers__1__self_attn__q_norm__weight=8)),
        r"out of layers it has \(model\.layers\.1\.self_attn\.q_norm\.weight\).*config that the file was saved with",
    ),
    "an adapter left out": (
        _edited(broken.beside(model__layers__0__self_attn__q_proj__lora_A__weight=8)), r"out of layers it has .*lora_A",
    ),
    "one shard's tensor": (_sharded, r"1 of the 30 tensors of LlamaForCausalLM missing"),
    "a projector": (_vision(broken.without("linear_1.weight")), r"LlavaForConditionalGeneration missing.*linear_1"),
    "a whole projector": (
        _vision(lambda stored: {n: v for n, v in stored.items() if "projector" not in n}), r"4 of the \d+ .*projector",
    ),
    "a vision tower": (
        _vision(lambda stored: {n: v for n, v in stored.items() if "vision" not in n}), r"missing.*vision_tower",
    ),
    "a shared embedding": (_bart, r"BartForCausalLM missing.*bart is an encoder-decoder, BartForCausalLM its decoder"),
    "GGUF: a projection": (_gguf(broken.without("1.attn_output.weight")), rf"1 of the 30 .*\({O_PROJ}\).*random"),
    "GGUF: more layers": (_gguf(layers=4), r"9 of the 39 .*config has 4 layers .*, the file 3"),
    "GGUF: a bias left out": (
        _gguf(lambda stored: stored | {"blk.1.attn_output.bias": np.ones(32, dtype=np.float32)}),
        r"self_attn\.o_proj\.bias\).*reads no such tensors from GGUF files",
    ),
    "GGUF: a renamed part": (
        _gguf(broken.without("blk.2.ffn_up.weight"), split__count=2), r"one of 2 parts: join them with llama-gguf",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_checkpoint_that_is_not_whole_is_refused(case, tmp_path):
    make, reason = REFUSED[case]
    with pytest.raises(ValueError, match=reason) as refused:
        load(str(make(tmp_path / "m")), device="cpu")
    assert "\n" not in str(refused.value)
    assert str(tmp_path / "m") in str(refused.value)


def _llava(folder):
    return _vision(lambda stored: stored)(folder)


def _in_parts(folder):
    tiny.network("llama").save_pretrained(folder, max_shard_size="60KB")
    tiny.word_tokenizer().save_pretrained(folder)
    return folder


def _as_torch(folder):
    broken.as_torch(broken.whole(folder))
    return folder


def _tied(folder):
    network = tiny.network("llama")
    network.lm_head.weight = network.model.embed_tokens.weight
    network.config.tie_word_embeddings = True
    network.save_pretrained(folder)
    tiny.word_tokenizer().save_pretrained(folder)
    assert "lm_head.weight" not in load_file(folder / broken.WEIGHTS)
    return folder


def _tied_and_stored(folder):
    return broken.tensors(_tied(folder), lambda s: s | {"lm_head.weight": s["model.embed_tokens.weight"].clone()})


WHOLE = {
    **{f"a {family}": _edited(lambda stored: stored, family) for family in tiny.CONFIGS | tiny.FLAGGED},
    "tied": _tied,
    "tied, and stored twice": _tied_and_stored,
    "parts": _in_parts,
    "a .bin": _as_torch,
    "old rotary frequencies": _edited(broken.beside(model__layers__1__self_attn__rotary_emb__inv_freq=4)),
    "old causal masks": _edited(
        broken.beside(transformer__h__0__attn__bias=(1, 1, 8, 8), transformer__h__0__attn__masked_bias=1), "gpt2"
    ),
    "old masks": _edited(
        broken.beside(gpt_neox__layers__0__attention__bias=(1, 1, 8, 8), gpt_neox__layers__1__attention__masked_bias=1),
        "gpt_neox",
    ),
    "position numbers": _edited(broken.beside(model__embeddings__position_ids=(1, 64))),
    "names without the base's prefix": _edited(broken.renamed(lambda name: name.removeprefix("model."))),
    "names with the base's prefix twice": _edited(broken.renamed(lambda name: f"model.{name}")),
    "a llava": _llava,
    "GGUF": _gguf(),
    "GGUF in a folder": lambda folder: _gguf()(folder).parent,
    "GGUF in capitals": lambda folder: _gguf()(folder).rename(folder / "M.GGUF"),
    "GGUF beside what llama.cpp sees with": lambda f: (
        (_gguf()(f), (f / "mmproj-m.gguf").write_bytes(b"GGUF"))[0].parent
    ),
    "GGUF beside a config": lambda f: (_gguf()(f), (f / "config.json").write_text("{}"))[0].parent,
}


@pytest.mark.parametrize("case", WHOLE)
def test_what_is_whole_passes_without_a_word(case, tmp_path):
    model = load(str(WHOLE[case](tmp_path / "m")), device="cpu")
    assert model.file_flags == ()


@pytest.mark.parametrize("case", ["parts", "a .bin", "old rotary frequencies", "GGUF in a folder", "GGUF in capitals"])
def test_what_is_whole_computes_what_was_saved(case, tmp_path):
    ids = torch.tensor([[5, 7, 9]])
    model = load(str(WHOLE[case](tmp_path / "m")), device="cpu")
    torch.testing.assert_close(model.network(ids).logits, tiny.network("llama")(ids).logits)


FLAGGED = {
    "fewer layers in the config": (_configured(num_hidden_layers=2), r"9 tensors .* 2 layers at .*, the file 3$"),
    "a head for rewards": (_edited(broken.beside(score__weight=(1, 32))), r"1 tensor .*\(score\.weight\)$"),
    "a layer for further tokens": (
        _edited(broken.beside(model__layers__3__eh_proj__weight=(32, 64), model__layers__3__enorm__weight=32)),
        r"2 tensors .*layers\.3\.eh_proj.* 3 layers at model\.layers, the file 4$",
    ),
    "a tower": (_edited(broken.beside(vision_tower__layers__0__fc1__weight=(4, 4))), r"\(vision_tower\.layers\.0\.fc1"),
    "scales of a cache": (_edited(broken.beside(model__layers__0__self_attn__k_proj__k_scale=1)), r"k_scale"),
    "GGUF: fewer layers": (_gguf(layers=2), r"7 tensors .*model\.layers\.2.*2 layers at model\.layers, the file 3$"),
    "GGUF: rotary factors": (
        _gguf(lambda stored: stored | {"rope_freqs.weight": np.ones(4, dtype=np.float32)}), r"\(rope_freqs\.weight\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FLAGGED)
def test_what_is_left_out_elsewhere_is_a_flag(case, tmp_path):
    make, meaning = FLAGGED[case]
    model = load(str(make(tmp_path / "m")), device="cpu")
    assert [name for name, _ in model.file_flags] == ["left_out_tensors"]
    assert re.search(meaning, model.flags["left_out_tensors"])


def test_a_flag_of_the_files_is_in_the_certificate_and_in_what_doctor_says(tmp_path):
    model = load(str(FLAGGED["a head for rewards"][0](tmp_path / "m")), device="cpu")
    assert model.certificate.flags == {"left_out_tensors": 3}
    assert "flags: left_out_tensors (3 of 3)" in str(model.certificate)
    said = dict(diagnose(model).lines())
    assert "3 of 3 attentions: 1 tensor of the files left out by LlamaForCausalLM (score.weight)" in said.values()
    assert "flag left_out_tensors" in said


def test_the_kept_certificate_does_not_keep_flags_of_files(tmp_path):
    flagged = load(str(FLAGGED["a head for rewards"][0](tmp_path / "m")), device="cpu")
    assert flagged.certificate.flags
    assert load(str(broken.whole(tmp_path / "n")), device="cpu").certificate.flags == {}


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
