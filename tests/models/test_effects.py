import pytest
import tiny
import torch

from headpursuit.heads import Edit, Head
from headpursuit.models.effects import is_approximate, logit_changes

PROMPTS = [tiny.text_of(ids) for ids in ([5, 9, 20, 33], [7, 8], [40, 41, 42, 43, 44, 45, 46])]
LAST = Edit({Head(2, 0): -1.0, Head(2, 3): 3.0})
MIDDLE = Edit({Head(1, 2): -2.0, Head(0, 1): 0.0, Head(2, 1): 2.0})


def measured(model, edit, **options):
    found = [result for (result,) in logit_changes(model, [edit], PROMPTS, **options)]
    return [torch.cat([getattr(result, name) for result in found]) for name in ("base", "total", "direct")]


def without_last_mlp(family):
    """A model whose last layer's MLP writes nothing, so that nothing lies behind the last layer's heads."""
    model = tiny.word_model(family)
    names = {"gpt2": "transformer.h.2.mlp.c_proj", "opt": "model.decoder.layers.2.fc2"}
    mlp = model.network.get_submodule(names.get(family, "model.layers.2.mlp.down_proj"))
    mlp.weight.data.zero_()
    if mlp.bias is not None:
        mlp.bias.data.zero_()
    return model


@pytest.mark.parametrize("family", ["llama", "qwen3", "gpt2", "opt", "gemma2", "granite", "olmo2"])
def test_with_nothing_behind_the_heads_all_is_direct(family):
    _, total, direct = measured(without_last_mlp(family), LAST)
    assert total.abs().max() > 1e-2
    torch.testing.assert_close(direct, total, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", ["gpt_neox", "phi", "falcon"])
def test_a_parallel_mlp_does_not_see_the_last_layers_heads(family):
    _, total, direct = measured(tiny.word_model(family), LAST)
    torch.testing.assert_close(direct, total, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", ["llama", "gpt_neox"])
def test_what_later_layers_make_of_it_is_indirect(family):
    _, total, direct = measured(tiny.word_model(family), MIDDLE)
    assert (total - direct).abs().max() > 1e-2


def test_the_direct_part_is_that_of_the_final_stream():
    """Computed here by hand: stream, changed writes, norm, unembedding."""
    model = tiny.word_model("llama")
    _, _, direct = measured(model, MIDDLE, batch_size=1)
    order = sorted(range(3), key=lambda i: len(PROMPTS[i].split()))
    for row, i in enumerate(order):
        ids = [int(word[1:]) for word in PROMPTS[i].split()]
        mixed = tiny.mixed_of(model.network, "llama", ids)
        streams = model.network.model(torch.tensor([ids]), output_hidden_states=True)
        stream = final_stream(model.network, ids)
        torch.testing.assert_close(model.network.model.norm(stream), streams.last_hidden_state[0, -1])
        moved = stream.clone()
        for head, scale in MIDDLE.items():
            weight = model.network.model.layers[head.layer].self_attn.o_proj.weight[
                :, 8 * head.index : 8 * head.index + 8
            ]
            moved += (scale - 1) * weight @ mixed[head.site][-1, head.index]
        logits = [model.network.lm_head(model.network.model.norm(x)) for x in (stream, moved)]
        torch.testing.assert_close(direct[row], logits[1] - logits[0], atol=1e-5, rtol=1e-4)


def final_stream(network, ids):
    kept = []
    hook = network.model.norm.register_forward_pre_hook(lambda _, args: kept.append(args[0][0, -1]))
    network(torch.tensor([ids]))
    hook.remove()
    return kept[0]


def test_the_total_is_what_rescaling_does():
    model = tiny.word_model("llama")
    base, total, _ = measured(model, MIDDLE, batch_size=1)
    ids = [7, 8]
    before = model.network(torch.tensor([ids])).logits[0, -1]
    torch.testing.assert_close(base[0], before)
    for head, scale in MIDDLE.items():
        part = slice(8 * head.index, 8 * head.index + 8)
        model.network.model.layers[head.layer].self_attn.o_proj.weight.data[:, part] *= scale
    after = model.network(torch.tensor([ids])).logits[0, -1]
    torch.testing.assert_close(total[0], after - before, atol=1e-5, rtol=1e-4)


def test_batches_change_nothing():
    model = tiny.word_model("llama")
    for one, other in zip(measured(model, MIDDLE, batch_size=1), measured(model, MIDDLE, batch_size=3), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_several_edits_are_measured_each_by_itself():
    model = tiny.word_model("llama")
    both = list(logit_changes(model, [LAST, MIDDLE], PROMPTS))
    for i, edit in enumerate((LAST, MIDDLE)):
        (alone,) = [result for (result,) in logit_changes(model, [edit], PROMPTS)]
        torch.testing.assert_close(both[0][i].direct, alone.direct)
        torch.testing.assert_close(both[0][i].total, alone.total)


def test_scale_one_changes_nothing():
    _, total, direct = measured(tiny.word_model("llama"), Edit({Head(1, 0): 1.0}))
    assert not total.any()
    assert not direct.any()


def test_the_model_is_as_it_was():
    model = tiny.word_model("gemma2")
    ids = torch.tensor([[5, 6, 7]])
    before = model.network(ids).logits
    measured(model, MIDDLE)
    assert torch.equal(model.network(ids).logits, before)


def test_an_unknown_head_is_refused_before_the_model_runs():
    with pytest.raises(ValueError, match="L9H0 does not exist"):
        measured(tiny.word_model("llama"), Edit({Head(9, 0): 0.0}))


@pytest.mark.parametrize(("family", "flags"), [("llama", ()), ("gemma2", ())])
def test_approximate_parts_are_named(family, flags):
    assert is_approximate(tiny.word_model(family), [Head(1, 0)]) == flags


def test_an_edit_of_other_positions_has_no_direct_part():
    """It reaches the next token through later layers' attention alone."""
    model = tiny.word_model("llama")
    _, total, direct = measured(model, Edit(dict(MIDDLE), [0, 1, -2]))  # the second prompt's last is at position 1
    assert direct[0].any()  # batches are sorted by length: the shortest prompt comes first
    assert not direct[1:].any()
    assert total.abs().amax(1).min() > 1e-4


def test_the_prompts_scope_holds_the_last_token():
    model = tiny.word_model("llama")
    for one, other in zip(measured(model, MIDDLE), measured(model, Edit(dict(MIDDLE), "prompt")), strict=True):
        torch.testing.assert_close(one, other)
