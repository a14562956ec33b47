import pytest
import tiny
import torch

from headpursuit.heads import Edit, Head
from headpursuit.models import rescale
from headpursuit.models.anatomy import projection
from headpursuit.models.certified import certified
from headpursuit.models.weights import bias_of

EDIT = Edit({Head(1, 2): -1.0, Head(1, 0): 0.0, Head(2, 3): 2.5})
STRONG = Edit({Head(0, 1): 20.0, Head(1, 2): -20.0, Head(2, 3): 20.0})  # also moves what a tiny random model answers


def ids(rows=2, length=9, seed=0):
    return torch.randint(5, 300, (rows, length), generator=torch.Generator().manual_seed(seed))


def bake(network, edit):
    """The same edit as weights: an independent way to get the edited logits."""
    for head, scale in edit.items():
        site = certified(network)[0].site_of(head)
        module = projection(network, site)
        part = site.slice_of(head.index)
        if type(module).__name__ == "Conv1D":
            module.weight.data[part] *= scale
        else:
            module.weight.data[:, part] *= scale
    return network


@pytest.mark.parametrize("family", tiny.CONFIGS)
def test_equals_scaled_weights_and_undoes_itself(family):
    network, inputs = tiny.network(family), ids()
    before = network(inputs).logits
    with rescale(network, EDIT):
        during = network(inputs).logits
    assert torch.equal(network(inputs).logits, before)
    assert (during - before).abs().max() > 1e-3
    baked = bake(tiny.network(family), EDIT)(inputs).logits
    torch.testing.assert_close(during, baked, atol=1e-5, rtol=1e-4)


def test_a_plain_mapping_of_names_is_an_edit():
    network, inputs = tiny.network("llama"), ids()
    with rescale(network, {"L1H2": -1.0, "L1H0": 0.0, "L2H3": 2.5}):
        named = network(inputs).logits
    with rescale(network, EDIT):
        assert torch.equal(network(inputs).logits, named)


@pytest.mark.parametrize("family", tiny.CONFIGS)
def test_scale_one_is_bit_equal(family):
    network, inputs = tiny.network(family), ids()
    before = network(inputs).logits
    with rescale(network, Edit.uniform(certified(network)[0].heads, 1.0)):
        assert torch.equal(network(inputs).logits, before)


@pytest.mark.parametrize("family", ["gpt2", "opt", "llama_bias"])
def test_scale_zero_of_all_heads_leaves_the_bias(family):
    network = tiny.network(family)
    anatomy = certified(network)[0]
    outputs = {}
    for site in anatomy.sites:
        projection(network, site).register_forward_hook(lambda m, a, out, s=site: outputs.update({s: out}))
    with rescale(network, Edit.uniform(anatomy.heads, 0.0)):
        network(ids())
    for site, output in outputs.items():
        bias = bias_of(projection(network, site))
        torch.testing.assert_close(output, bias.expand_as(output), atol=1e-6, rtol=0)


def test_layers_before_the_edit_are_untouched():
    network, inputs = tiny.network("llama"), ids()
    before = network(inputs, output_hidden_states=True).hidden_states
    with rescale(network, Edit({Head(1, 0): -1.0})):
        during = network(inputs, output_hidden_states=True).hidden_states
    assert torch.equal(during[0], before[0])
    assert torch.equal(during[1], before[1])
    assert not torch.equal(during[2], before[2])


@pytest.mark.parametrize("family", ["llama", "gpt2", "gpt_neox"])
def test_generate_with_cache_equals_generate_with_scaled_weights(family):
    network, inputs = tiny.network(family), ids()
    options = dict(max_new_tokens=8, do_sample=False, pad_token_id=0, attention_mask=torch.ones_like(inputs))
    with rescale(network, STRONG) as applied:
        cached = network.generate(inputs, **options)
        assert applied.n_forwards == 8  # the prompt, and each new token but the last
        uncached = network.generate(inputs, use_cache=False, **options)
    assert torch.equal(cached, uncached)
    assert torch.equal(cached, bake(tiny.network(family), STRONG).generate(inputs, **options))
    assert not torch.equal(cached, network.generate(inputs, **options))


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt"])
def test_left_padded_batch_equals_one_by_one(family):
    network = tiny.network(family)
    long, short = ids(1, 9, seed=1), ids(1, 5, seed=2)
    padded = torch.cat([torch.zeros(1, 4, dtype=torch.int64), short], dim=1)
    mask = torch.tensor([[1] * 9, [0] * 4 + [1] * 5])
    options = dict(max_new_tokens=6, do_sample=False, pad_token_id=0)
    with rescale(network, EDIT):
        batch = network.generate(torch.cat([long, padded]), attention_mask=mask, **options)
        alone = [network.generate(x, attention_mask=torch.ones_like(x), **options) for x in (long, short)]
    assert torch.equal(batch[0], alone[0][0])
    assert torch.equal(batch[1, 4:], alone[1][0])


def test_hooks_are_gone_after_an_error():
    network, inputs = tiny.network("llama"), ids()
    before = network(inputs).logits
    with pytest.raises(RuntimeError, match="in the middle"), rescale(network, EDIT):
        raise RuntimeError("in the middle")
    assert torch.equal(network(inputs).logits, before)
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_an_unknown_head_changes_nothing():
    network = tiny.network("llama")
    with (
        pytest.raises(ValueError, match="L7H0 does not exist"),
        rescale(network, Edit({Head(0, 0): 0, Head(7, 0): 0})),
    ):
        pass
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_nested_edits_multiply_where_they_overlap():
    network, inputs = tiny.network("llama"), ids()
    outer, inner = Edit({Head(1, 2): -1.0, Head(0, 1): 0.5}), Edit({Head(1, 2): 3.0, Head(2, 0): 0.0})
    with rescale(network, outer):
        with rescale(network, inner):
            nested = network(inputs).logits
        only_outer = network(inputs).logits
    both = Edit({Head(1, 2): -3.0, Head(0, 1): 0.5, Head(2, 0): 0.0})
    with rescale(network, both):
        torch.testing.assert_close(nested, network(inputs).logits, atol=1e-6, rtol=1e-5)
    with rescale(network, outer):
        assert torch.equal(only_outer, network(inputs).logits)


def test_an_empty_edit_changes_and_counts_nothing():
    network, inputs = tiny.network("llama"), ids()
    before = network(inputs).logits
    with rescale(network, Edit({})) as applied:
        assert torch.equal(network(inputs).logits, before)
    assert applied.n_forwards == 0


def test_half_precision_keeps_its_dtype():
    network = tiny.network("llama").to(torch.bfloat16)
    with rescale(network, EDIT):
        assert network(ids()).logits.dtype == torch.bfloat16


def test_the_counter_sees_each_layer():
    network = tiny.network("llama")
    with rescale(network, EDIT) as applied:
        network(ids())
        network(ids())
    assert applied.calls == {"L1": 2, "L2": 2}
