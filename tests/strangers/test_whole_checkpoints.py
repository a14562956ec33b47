"""Checkpoints that are whole: loaded without a word, or with a flag for what they hold beside."""

import re

import broken
import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load_file

from headpursuit.analysis import diagnose
from headpursuit.models import load


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
    **{f"a {family}": broken.edited(lambda stored: stored, family) for family in tiny.CONFIGS | tiny.FLAGGED},
    "tied": _tied,
    "tied, and stored twice": _tied_and_stored,
    "parts": _in_parts,
    "a .bin": _as_torch,
    "old rotary frequencies": broken.edited(broken.beside(model__layers__1__self_attn__rotary_emb__inv_freq=4)),
    "old causal masks": broken.edited(
        broken.beside(transformer__h__0__attn__bias=(1, 1, 8, 8), transformer__h__0__attn__masked_bias=1), "gpt2"
    ),
    "old masks": broken.edited(
        broken.beside(gpt_neox__layers__0__attention__bias=(1, 1, 8, 8), gpt_neox__layers__1__attention__masked_bias=1),
        "gpt_neox",
    ),
    "position numbers": broken.edited(broken.beside(model__embeddings__position_ids=(1, 64))),
    "names without the base's prefix": broken.edited(broken.renamed(lambda name: name.removeprefix("model."))),
    "names with the base's prefix twice": broken.edited(broken.renamed(lambda name: f"model.{name}")),
    "a llava": broken.seeing(),
    "GGUF": broken.as_gguf(),
    "GGUF in a folder": lambda folder: broken.as_gguf()(folder).parent,
    "GGUF in capitals": lambda folder: broken.as_gguf()(folder).rename(folder / "M.GGUF"),
    "GGUF beside what llama.cpp sees with": lambda f: (
        (broken.as_gguf()(f), (f / "mmproj-m.gguf").write_bytes(b"GGUF"))[0].parent
    ),
    "GGUF beside a config": lambda f: (broken.as_gguf()(f), (f / "config.json").write_text("{}"))[0].parent,
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
    "fewer layers in the config": (broken.configured(num_hidden_layers=2), r"9 tensors .* 2 layers at .*, the file 3$"),
    "a head for rewards": (broken.edited(broken.beside(score__weight=(1, 32))), r"1 tensor .*\(score\.weight\)$"),
    "a layer for further tokens": (
        broken.edited(broken.beside(model__layers__3__eh_proj__weight=(32, 64), model__layers__3__enorm__weight=32)),
        r"2 tensors .*layers\.3\.eh_proj.* 3 layers at model\.layers, the file 4$",
    ),
    "a tower": (
        broken.edited(broken.beside(vision_tower__layers__0__fc1__weight=(4, 4))),
        r"\(vision_tower\.layers\.0\.fc1",
    ),
    "scales of a cache": (broken.edited(broken.beside(model__layers__0__self_attn__k_proj__k_scale=1)), r"k_scale"),
    "GGUF: fewer layers": (
        broken.as_gguf(layers=2),
        r"7 tensors .*model\.layers\.2.*2 layers at model\.layers, the file 3$",
    ),
    "GGUF: rotary factors": (
        broken.as_gguf(lambda stored: stored | {"rope_freqs.weight": np.ones(4, dtype=np.float32)}),
        r"\(rope_freqs\.weight\)",
    ),
}


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
