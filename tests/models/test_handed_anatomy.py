"""An anatomy that the user hands in where the finder refuses, certified by the same measurements."""

import pytest
import tiny
import torch
import unseen
from torch import nn
from torch.nn.functional import linear

import headpursuit as hp
from headpursuit.models import AnatomyError, heads_sha256, write_weights

PROMPTS = [tiny.text_of([5 + i, 40 + i, 7]) for i in range(4)]


def model(layout="apart", anatomy=unseen.ANATOMY):
    return hp.LanguageModel(unseen.network(layout), tiny.word_tokenizer(), anatomy=anatomy)


def described(n_heads, d_head, name="model.layers.*.mixer.out"):
    return {name: {"n_heads": n_heads, "d_head": d_head}}


@pytest.mark.parametrize("layout", ["apart", "behind one another", "head by head"])
def test_heads_of_an_attention_that_is_not_seen_are_certified_when_they_are_handed_in(layout):
    with pytest.raises(AnatomyError, match="no attention heads were seen in a forward pass of UnseenForCausalLM"):
        _ = model(layout, anatomy=None).anatomy
    certificate = model(layout).certificate
    assert (certificate.n_heads, certificate.n_layers, certificate.firing) == (12, 3, 3)
    assert certificate.isolation
    assert certificate.identity
    assert 0 <= certificate.conservation < 1e-5
    assert certificate.flags == {"handed": 3}
    assert model(layout).anatomy.summary() == "12 heads: layers 0-2 with 4 heads of width 8"


@pytest.mark.parametrize("layout", ["apart", "behind one another", "head by head"])
@pytest.mark.parametrize(("n_heads", "d_head"), [(2, 16), (8, 4), (1, 32), (16, 2), (32, 1)])
def test_a_wrong_division_is_refused_by_the_certificate(layout, n_heads, d_head):
    with pytest.raises(AnatomyError, match=rf"does not reach exactly its slice .* {n_heads} slices were expected"):
        _ = model(layout, described(n_heads, d_head)).anatomy


def test_a_module_that_is_no_output_projection_is_refused_by_the_certificate():
    for name, width in (("model.layers.*.down", 48), ("model.layers.*.up", 32), ("lm_head", 32)):
        with pytest.raises(AnatomyError, match="does not reach exactly its slice"):
            _ = model(anatomy=described(4, width // 4, name)).anatomy


def test_an_edit_is_what_the_weights_say():
    edited, by_hand = model(), unseen.network()
    with torch.no_grad():
        by_hand.model.layers[1].mixer.out.weight[:, 16:24] *= -3
    ids = torch.tensor([[5, 40, 7]])
    with hp.rescale(edited, {(1, 2): -3}):
        torch.testing.assert_close(edited.network(ids).logits, by_hand(ids).logits)


def test_all_that_models_do_is_done(tmp_path):
    ours = model()
    ranking = hp.rank(ours, hp.capture(ours, PROMPTS), ["w20", "w61"])
    assert ranking.scores.shape == (3, 4)
    edit = {ranking.top(1)[0]: -3}
    hp.export(ours, edit, tmp_path / "out", prompts=PROMPTS)
    assert hp.verify_export(tmp_path / "out", ours, prompts=PROMPTS).passed
    with hp.rescale(ours.network, edit) as applied:  # certified once, for the network
        hp.answer(ours.network, PROMPTS, max_new_tokens=2, tokenizer=tiny.word_tokenizer())
    assert applied.n_forwards == 2


class Weighed(nn.Module):
    """A projection that no one takes for a linear module."""

    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, x):
        return linear(x, self.weight)


def disguised():
    network = tiny.network("llama")
    for layer in network.model.layers:
        layer.self_attn.o_proj = Weighed(layer.self_attn.o_proj.weight)
    return network


def test_a_projection_that_is_not_taken_for_one_is_certified_when_it_is_handed_in():
    plain, tokenizer = hp.LanguageModel(tiny.network("llama"), tiny.word_tokenizer()), tiny.word_tokenizer()
    with pytest.raises(AnatomyError, match="are not slices of its"):
        _ = hp.LanguageModel(disguised(), tokenizer).anatomy
    ours = hp.LanguageModel(disguised(), tokenizer, anatomy=described(4, 8, "model.layers.*.self_attn.o_proj"))
    assert ours.certificate.n_heads == 12
    for mine, theirs in zip(ours.anatomy.sites, plain.anatomy.sites, strict=True):
        assert torch.equal(write_weights(ours.network, mine), write_weights(plain.network, theirs))
    assert heads_sha256(ours) == heads_sha256(plain)
    for wrong in ((2, 16), (8, 4)):
        with pytest.raises(AnatomyError, match=f"{wrong[0]} slices were expected, 4 found"):
            _ = hp.LanguageModel(
                disguised(), tokenizer, anatomy=described(*wrong, "model.layers.*.self_attn.o_proj")
            ).anatomy
    with pytest.raises(AnatomyError, match="o_proj takes 32 inputs, but 4 heads of width 4 give 16"):
        _ = hp.LanguageModel(disguised(), tokenizer, anatomy=described(4, 4, "model.layers.*.self_attn.o_proj")).anatomy


def test_what_the_finder_finds_is_what_is_handed_in_but_for_the_flag():
    network, tokenizer = tiny.network("granite"), tiny.word_tokenizer()
    found = hp.LanguageModel(network, tokenizer).anatomy
    handed = hp.LanguageModel(network, tokenizer, anatomy=found).anatomy
    assert [{*site.flags} - {"handed"} for site in handed.sites] == [{*site.flags} for site in found.sites]
    assert [(s.path, s.multiplier, s.norm) for s in handed.sites] == [
        (s.path, s.multiplier, s.norm) for s in found.sites
    ]


def test_only_some_layers_may_be_handed_in():
    one = described(4, 8, "model.layers.1.mixer.out")
    assert model(anatomy=one).anatomy.summary() == "4 heads: layer 1 with 4 heads of width 8"
    assert "layers 0, 2 (Mixer)" in str(model(anatomy=one).certificate)


def test_a_file_says_it_too(tmp_path):
    file, folder = tmp_path / "anatomy.yaml", tmp_path / "model"
    file.write_text("model.layers.*.mixer.out:\n  n_heads: 4\n  d_head: 8\n")
    ours = model()
    ours.network.save_pretrained(folder)
    ours.tokenizer.save_pretrained(folder)
    assert hp.load(str(folder), device="cpu", anatomy=file).anatomy == ours.anatomy
    file.write_text("model.layers.*.mixer.out:\n  n_heads: 2\n  d_head: 16\n")
    with pytest.raises(AnatomyError, match="2 slices were expected"):
        _ = hp.load(str(folder), device="cpu", anatomy=str(file)).anatomy
    file.write_text("model.layers.*.mixer.out: {n_heads: 2}\n")
    with pytest.raises(ValueError, match=f"{file}, model.layers.*: expected n_heads and d_head"):
        hp.load(str(folder), device="cpu", anatomy=file)
    with pytest.raises(FileNotFoundError, match="absent.yaml"):
        hp.load(str(folder), device="cpu", anatomy=tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "no description of heads, but {}; give one like {'model.layers"),
        ([("a", 1)], "no description of heads"),
        ({"model.layers.*.mixer.out": 4}, "expected n_heads and d_head of a module"),
        ({3: {}}, "the anatomy, 3: expected n_heads and d_head of a module"),
        (described(0, 8), "whole numbers above 0.* found {'n_heads': 0"),
        (described(True, 32), "whole numbers above 0"),
        (described(4, "8"), "whole numbers above 0"),
        (described(4, 7), "mixer.out takes 32 inputs, but 4 heads of width 7 give 28"),
        (described(4, 8, "layers.*.mixer.out"), r"UnseenForCausalLM has no module layers.\*.mixer.out"),
        (
            described(4, 8) | described(4, 8, "model.layers.0.mixer.out"),
            "names model.layers.0.mixer.out twice",
        ),
        ({"lm_head": {"n_heads": 4, "d_head": 8, "layer": 3}}, "expected n_heads and d_head.*'layer': 3"),
        ({"lm_head": {"n_heads": 4, "d_head": 8, "kind": "both"}}, "kind: cross; found .*'both'"),
    ],
)
def test_what_is_no_anatomy_is_refused_before_anything_runs(given, reason, as_users_run_it):
    with pytest.raises(ValueError, match=reason):
        model(anatomy=given)
