"""Families in which heads are not simply slices of one projection's input, each run once."""

from contextlib import ExitStack

import pytest
import tiny
import torch
import zoo
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from headpursuit.heads import Edit, Head
from headpursuit.models import AnatomyError, LanguageModel, logit_changes, read_mixed, rescale, write_weights
from headpursuit.models.anatomy import locate, poison_all, probe_input
from headpursuit.models.anatomy.poisoning import count_slices
from headpursuit.models.certified import certified

IDS = [5, 9, 20, 33, 21]


def family(model_type):
    jobs = [job for job in zoo.jobs() if job.model_type == model_type]
    if not jobs:
        pytest.skip(f"this transformers has no {model_type}")
    return zoo.build(jobs[0])


def read_all(network):
    """Mixed values of one prompt, all positions."""
    model = LanguageModel(network, tiny.word_tokenizer(network.get_input_embeddings().weight.shape[0]))
    (batch,) = read_mixed(model, [tiny.text_of(IDS)], "prompt")
    return batch.mixed()


@torch.no_grad()
def outputs_of(network, paths):
    """What modules put out, in the order of their runs."""
    seen = []
    with ExitStack() as stack:
        for path in paths:
            module = network.get_submodule(path)
            stack.callback(module.register_forward_hook(lambda _, args, out: seen.append((args[0][0], out[0]))).remove)
        network(torch.tensor([IDS]))
    return seen


@pytest.mark.parametrize("model_type", ["gemma2", "olmo2", "glm4"])
def test_behind_a_post_norm_writes_add_up_to_what_the_norm_puts_out(model_type):
    network = family(model_type)
    anatomy, mixed = certified(network)[0], read_all(network)
    assert anatomy.flags["post_norm"] == 4
    for site in anatomy.sites:
        ((_, normed),) = outputs_of(network, [site.norm])
        written = torch.einsum("nhd,hdm->nm", mixed[site.name], write_weights(network, site))
        torch.testing.assert_close(written, normed, atol=1e-5, rtol=1e-4)


def test_a_multiplier_is_part_of_what_a_head_writes():
    network = tiny.network("granite")
    site = certified(network)[0].sites[1]
    assert site.multiplier == pytest.approx(0.3)
    plain = network.model.layers[1].self_attn.o_proj.weight.T.unflatten(0, (4, 8))
    torch.testing.assert_close(write_weights(network, site), 0.3 * plain)


def test_each_run_of_a_looped_layer_is_a_layer():
    network = family("hrm_text")
    anatomy, mixed = certified(network)[0], read_all(network)
    paths = dict.fromkeys(site.path for site in anatomy.sites)
    inputs = {path: [entered for entered, _ in outputs_of(network, [path])] for path in paths}
    assert len(anatomy.sites) > len(paths)
    assert [site.layer for site in anatomy.sites] == list(range(len(anatomy.sites)))
    for site in anatomy.sites:
        torch.testing.assert_close(mixed[site.name].flatten(1), inputs[site.path][site.call], atol=1e-6, rtol=1e-5)


def test_heads_that_are_projected_in_groups():
    """Scaling a head is scaling its columns of the group's block."""
    network, ids = family("deepseek_v4"), torch.tensor([IDS])
    anatomy = certified(network)[0]
    site, head = anatomy.sites[1], Head(1, 3)
    assert site.through.endswith("o_b_proj")
    with rescale(network, Edit({head: -2.0})):
        during = network(ids).logits
    first = network.get_submodule(site.path)
    per_group = first.in_features // site.d_head
    group, place = divmod(head.index, per_group)
    blocks = first.weight.data.unflatten(0, (site.n_heads // per_group, -1))
    blocks[group, :, place * site.d_head : (place + 1) * site.d_head] *= -2
    torch.testing.assert_close(during, network(ids).logits, atol=1e-5, rtol=1e-4)
    assert read_all(network)["L1"].shape == (len(IDS), site.n_heads, site.d_head)


def test_pairs_of_heads_that_are_subtracted_are_one_head():
    anatomy = certified(family("diffllama"))[0]
    assert {(site.n_heads, site.d_head) for site in anatomy.sites} == {(2, 48)}


def test_heads_behind_a_joint_norm_are_slices_of_what_enters_it():
    assert {site.flags for site in certified(family("bitnet"))[0].sites} == {("joint_norm",)}


def test_layers_without_heads_are_named():
    anatomy = certified(family("lfm2"))[0]
    assert anatomy.skipped == ((0, "Lfm2ShortConv"), (2, "Lfm2ShortConv"))
    assert anatomy.summary_of_skipped() == "layers 0, 2 (Lfm2ShortConv)"
    with pytest.raises(ValueError, match="L0H0 does not exist: the model has 8 heads: layers 1, 3 with 4 heads"):
        anatomy.site_of(Head(0, 0))


def test_cross_attention_heads_are_found_beside_the_others():
    network = family("t5")
    anatomy = certified(network)[0]
    assert anatomy.site_of(Head(2, 1, "cross")).path == "decoder.block.2.layer.1.EncDecAttention.o"
    ids = torch.tensor([IDS])
    before = network(input_ids=ids, decoder_input_ids=ids).logits
    with rescale(network, Edit({Head(2, 1, "cross"): -5.0})):
        assert not torch.equal(network(input_ids=ids, decoder_input_ids=ids).logits, before)


def test_an_attention_that_others_have_registered_is_seen():
    """As flash attention and kernels from the hub are: neither softmax nor scaled dot product is called by name."""

    def attend(module, query, key, value, mask, **kwargs):
        with torch._C.DisableTorchFunction():
            return sdpa_attention_forward(module, query, key, value, mask, **kwargs)

    AttentionInterface.register("tested_attention", attend)
    network = tiny.network("llama")
    network.config._attn_implementation = "tested_attention"
    assert certified(network)[0].n_heads == 12


def test_nothing_of_the_watching_stays_behind():
    before = dict(vars(AttentionInterface))
    network = tiny.network("llama")
    with pytest.raises(AnatomyError, match="cannot read a probe"):
        poison_all(network, {"input_ids": torch.full((1, 7), 10**6)})
    assert dict(vars(AttentionInterface)) == before
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in network.modules())


def test_mixed_heads_are_refused():
    """A projection whose input is no longer divided by heads."""
    network = tiny.network("llama")
    for layer in network.model.layers:
        layer.self_attn.o_proj = torch.nn.Sequential(Shuffle(), layer.self_attn.o_proj)
    with pytest.raises(AnatomyError, match="the 4 heads seen before model.layers.0.self_attn.o_proj.1 are not slices"):
        locate(network)


class Shuffle(torch.nn.Module):
    def forward(self, values):
        return values[..., torch.randperm(values.shape[-1], generator=torch.Generator().manual_seed(0))]


@pytest.mark.parametrize(
    ("answers", "n_slices"),
    [
        ([[1, 1, 0, 0], [0, 0, 1, 1]], 2),
        ([[1, 0, 1, 0], [0, 1, 0, 1]], 0),  # interleaved
        ([[1, 0, 0, 0], [0, 1, 1, 1]], 0),  # unequal
        ([[1, 1, 1, 1], [1, 1, 1, 1]], 1),
        ([[1, 1, 0, 0], [0, 0, 0, 0]], 2),
    ],
)
def test_slices_are_counted_by_their_answers(answers, n_slices):
    given = [torch.tensor(answer, dtype=torch.bool) for answer in answers]
    assert count_slices(torch.ones(4, dtype=torch.bool), given) == n_slices
    assert count_slices(torch.tensor([True, True, True, False]), given) == 0


def test_the_number_of_passes_grows_with_the_logarithm_of_the_heads():
    network = tiny.network("llama")
    assert len(poison_all(network, probe_input(network)).halves) == 4


@pytest.mark.parametrize(
    ("model_type", "last_mlp"),
    [
        ("roberta-prelayernorm", "roberta_prelayernorm.encoder.layer.3.output.dense"),  # a norm inside the head, too
        ("nanochat", "model.layers.3.mlp.fc2"),  # its final norm also runs on the embeddings
        ("gemma3_text", "model.layers.3.mlp.down_proj"),
    ],
)
def test_direct_parts_are_added_where_the_stream_ends(model_type, last_mlp):
    network = family(model_type)
    network.get_submodule(last_mlp).weight.data.zero_()
    if network.get_submodule(last_mlp).bias is not None:
        network.get_submodule(last_mlp).bias.data.zero_()
    model = LanguageModel(network, tiny.word_tokenizer(network.get_input_embeddings().weight.shape[0]))
    ((changes,),) = logit_changes(model, [Edit({Head(3, 0): -3.0})], [tiny.text_of(IDS)])
    assert changes.total.abs().max() > 1e-3
    torch.testing.assert_close(changes.direct, changes.total, atol=1e-4, rtol=1e-3)


def test_heads_that_write_nothing_are_not_said_to_write():
    network = tiny.network("granite")
    for layer in network.model.layers:
        layer.residual_multiplier = 0.0
    site = certified(network)[0].sites[0]
    assert not write_weights(network, site).any()


def test_positions_that_are_no_tokens_are_refused():
    network = family("cpmant")
    with pytest.raises(AnatomyError, match="what belongs to which token cannot be told"):
        read_all(network)
