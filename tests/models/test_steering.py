from contextlib import ExitStack

import numpy as np
import pytest
import tiny
import torch

import headpursuit as hp
from headpursuit.heads import Edit, Head
from headpursuit.models import rescale, steer


def ids(rows=2, length=9):
    return torch.randint(5, 300, (rows, length), generator=torch.Generator().manual_seed(0))


def some_direction(seed=0):
    return torch.randn(32, generator=torch.Generator().manual_seed(seed))


def streams(network, inputs):
    """What the second and the third layer read, and the final norm."""
    seen = []
    with ExitStack() as stack:
        for module in (*network.model.layers[1:], network.model.norm):
            hook = module.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
            stack.callback(hook.remove)
        network(inputs)
    return seen


def test_adding_equals_a_bias_in_what_the_layer_writes_last():
    network, inputs, direction = tiny.network("llama"), ids(), some_direction()
    before = network(inputs).logits
    with steer(network, direction, layer=1, strength=-2.0):
        during = network(inputs).logits
    assert torch.equal(network(inputs).logits, before)
    assert (during - before).abs().max() > 1e-2
    baked = tiny.network("llama")
    baked.model.layers[1].mlp.down_proj.bias = torch.nn.Parameter(-2.0 * direction)
    torch.testing.assert_close(during, baked(inputs).logits, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", tiny.CONFIGS)
def test_every_family_is_steered_and_comes_back(family):
    network, inputs = tiny.network(family), ids()
    before = network(inputs).logits
    with steer(network, some_direction(), layer=2, strength=3.0):
        assert (network(inputs).logits - before).abs().max() > 1e-2
    assert torch.equal(network(inputs).logits, before)


def test_an_ablated_direction_is_gone_after_every_layer_and_nothing_else_after_the_first():
    network, inputs, direction = tiny.network("llama"), ids(), some_direction()
    unit, before = direction / direction.norm(), streams(network, inputs)
    with steer(network, direction, ablate=True):
        during = streams(network, inputs)
    for stream in during:
        torch.testing.assert_close(stream @ unit, torch.zeros(2, 9), atol=1e-5, rtol=0)
    kept = before[0] - (before[0] @ unit)[..., None] * unit
    torch.testing.assert_close(during[0], kept, atol=1e-5, rtol=1e-4)
    assert (before[0] @ unit).abs().min() > 1e-3


def test_ablating_after_one_layer_reflects_at_strength_two():
    network, inputs, direction = tiny.network("llama"), ids(), some_direction()
    unit, before = direction / direction.norm(), streams(network, inputs)
    with steer(network, direction, layer=0, strength=2.0, ablate=True):
        torch.testing.assert_close(streams(network, inputs)[0] @ unit, -before[0] @ unit, atol=1e-5, rtol=1e-4)


def test_generation_is_steered_at_every_token():
    network, direction = tiny.network("llama"), some_direction()
    baked = tiny.network("llama")
    baked.model.layers[0].mlp.down_proj.bias = torch.nn.Parameter(5.0 * direction)
    prompt = ids(1, 5)
    plain = network.generate(prompt, max_new_tokens=6, do_sample=False)
    with steer(network, direction, layer=0, strength=5.0):
        found = network.generate(prompt, max_new_tokens=6, do_sample=False)
    assert found[0, 5:].tolist() == tiny.greedy(baked, prompt[0].tolist(), 6)
    assert not torch.equal(found, plain)


def test_it_is_undone_after_an_error_and_nests_with_rescale():
    network, inputs, edit = tiny.network("llama"), ids(), Edit({Head(1, 2): -1.0})
    before = network(inputs).logits
    with pytest.raises(KeyError), steer(network, some_direction(), layer=0):
        raise KeyError
    assert torch.equal(network(inputs).logits, before)
    with rescale(network, edit):
        with steer(network, some_direction(), layer=0):
            both = network(inputs).logits
        alone = network(inputs).logits
    assert not torch.equal(both, alone)
    assert not torch.equal(alone, before)


def test_directions_are_differences_of_mean_streams_at_last_tokens():
    model = tiny.word_model()
    sides = [[5, 9, 11], [7, 8]], [[20, 21], [30, 31, 32, 33], [40, 41, 42]]
    texts = [[tiny.text_of(one) for one in side] for side in sides]
    found = hp.difference_of_means(model, *texts, batch_size=2)
    means = []
    for side in sides:
        read = [streams(model.network, torch.tensor([one])) for one in side]
        means.append(torch.stack([torch.stack([stream[0, -1] for stream in one]) for one in read]).mean(0))
    torch.testing.assert_close(found, means[0] - means[1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"layer": 3}, "layer 3 does not exist: the model has layers 0-2"),
        ({"layer": -1}, "layer -1 does not exist: the model has layers 0-2"),
        ({}, "a direction is added to what leaves one layer; give `layer`, or `ablate=True`"),
        ({"layer": 0, "strength": float("nan")}, "the strength is nan; give a finite number"),
        ({"layer": 0, "direction": torch.ones(31)}, r"shape \(31,\), and the stream is 32 wide"),
        ({"layer": 0, "direction": torch.ones(3, 32)}, r"shape \(3, 32\), and the stream is 32 wide; give one row"),
        ({"layer": 0, "direction": np.zeros(32)}, "the direction is zero or not finite"),
    ],
)
def test_what_cannot_be_steered_is_refused(given, reason):
    network, inputs = tiny.network("llama"), ids()
    before = network(inputs).logits
    with pytest.raises(ValueError, match=reason), steer(network, **{"direction": some_direction(), **given}):
        pass
    assert torch.equal(network(inputs).logits, before)
