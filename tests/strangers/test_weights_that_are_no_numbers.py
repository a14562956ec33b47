"""NaN, infinities and overflow: named where they are, not as something wrong with the heads."""

import broken
import pytest
import tiny

from headpursuit.models import AnatomyError, LanguageModel, load


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
