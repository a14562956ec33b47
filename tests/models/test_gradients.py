import pytest
import tiny
import tiny_vision
import torch

from headpursuit.heads import Edit, Head
from headpursuit.models import head_gradients, projection_weights, rescale, scale_gradients

IDS = ([5, 9, 20, 33], [7, 8], [40, 41, 42, 43, 44, 45, 46], [11, 12, 13, 14])
PROMPTS = [tiny.text_of(ids) for ids in IDS]
TARGETS = [(17,), (30, 31), (99, 5, 6), (200,)]
STEP = 0.02


@torch.no_grad()
def followed(model, ids, targets):
    """log of the targets' probability after one unpadded prompt."""
    return float(model.network(torch.tensor([ids])).logits[0, -1].log_softmax(-1)[list(targets)].logsumexp(0))


def by_differences(model, head):
    """The derivative from two rescaled models, prompt by prompt."""
    sides = []
    for scale in (1 + STEP, 1 - STEP):
        with rescale(model, Edit({head: scale})):
            sides.append([followed(model, ids, targets) for ids, targets in zip(IDS, TARGETS, strict=True)])
    return (torch.tensor(sides[0]) - torch.tensor(sides[1])) / (2 * STEP)


FAMILIES = ["llama", "llama_wide_heads", "qwen3", "gpt2", "gpt_neox", "gemma2", "olmo2", "granite"]


@pytest.mark.parametrize("family", FAMILIES)
def test_derivatives_are_those_of_small_changes_of_the_scale(family):
    model = tiny.word_model(family)
    found = scale_gradients(model, PROMPTS, TARGETS, batch_size=3)  # of three lengths: one batch is padded
    assert {name: values.shape for name, values in found.items()} == {f"L{i}": (4, 4) for i in range(3)}
    for head in (Head(0, 1), Head(1, 3), Head(2, 0)):
        expected = by_differences(model, head)
        assert expected.abs().max() > 3e-3
        torch.testing.assert_close(found[head.site][:, head.index], expected, atol=2e-4, rtol=1e-2)


@pytest.mark.parametrize("family", FAMILIES)
def test_derivatives_by_what_heads_mix_and_write_are_those_by_the_scale(family):
    """A head's scale is on all it mixes: z · ∂/∂z over all positions; and ∂/∂z is ∂/∂(z W) through W."""
    model = tiny.word_model(family)
    expected = {site: values.sum(0) for site, values in scale_gradients(model, PROMPTS, TARGETS).items()}
    summed = {site: torch.zeros(4) for site in expected}
    for batch in head_gradients(model, PROMPTS, TARGETS, "prompt", batch_size=3):
        for site, found in batch.items():
            weights = projection_weights(model.network, site)
            through = torch.einsum("nm,hdm->nhd", found.by_output, weights)
            torch.testing.assert_close(through, found.by_mixed, atol=1e-5, rtol=1e-3)
            summed[site.name] += (found.mixed * found.by_mixed).sum((0, 2))
    for site in expected:
        torch.testing.assert_close(summed[site], expected[site], atol=1e-5, rtol=1e-3)
        assert expected[site].abs().max() > 3e-3


@pytest.mark.parametrize("family", tiny_vision.SOME_FAMILIES)
def test_answers_about_pictures_have_the_same_derivatives_by_both(family):
    """Of a token that comes late in the model's own answer; a scale acts on prompt and answer alike."""
    model = tiny_vision.shared(family)
    prompts, targets = tiny_vision.two_prompts(model), [(40, 41), (50,)]
    expected = scale_gradients(model, prompts, targets, max_new_tokens=3)
    summed = {site: torch.zeros(values.shape[1]) for site, values in expected.items()}
    for batch in head_gradients(model, prompts, targets, "all", max_new_tokens=3):
        for site, found in batch.items():
            summed[site.name] += (found.mixed * found.by_mixed).sum((0, 2))
    for site, values in expected.items():
        torch.testing.assert_close(summed[site], values.sum(0), atol=1e-5, rtol=1e-3)
    assert max(values.abs().max() for values in expected.values()) > 1e-3
    soon = scale_gradients(model, prompts, targets)
    assert any(not torch.allclose(soon[site], expected[site], atol=1e-5) for site in expected)


def test_frozen_models_have_the_same_derivatives_by_what_heads_write():
    model = tiny.word_model("llama")
    free = next(head_gradients(model, PROMPTS, TARGETS))
    model.network.requires_grad_(False)
    frozen = next(head_gradients(model, PROMPTS, TARGETS))
    assert free.keys() == frozen.keys()
    for site, found in free.items():
        for name in ("mixed", "by_mixed", "by_output"):
            torch.testing.assert_close(getattr(frozen[site], name), getattr(found, name))
        assert found.by_mixed.shape == (4, 4, 8)
        assert not found.mixed.requires_grad


def test_batches_change_nothing():
    model = tiny.word_model("llama")
    one, several = (scale_gradients(model, PROMPTS, TARGETS, batch_size=size) for size in (1, 4))
    for site in one:
        torch.testing.assert_close(one[site], several[site], atol=1e-5, rtol=1e-4)


def test_the_model_is_as_it_was():
    model = tiny.word_model("llama")
    ids = torch.tensor([[5, 6, 7]])
    before = model.network(ids).logits
    scale_gradients(model, PROMPTS, TARGETS)
    assert torch.equal(model.network(ids).logits, before)
    assert all(parameter.grad is None for parameter in model.network.parameters())
    assert not any(module._forward_pre_hooks for module in model.network.modules())


def test_it_works_where_gradients_are_switched_off_and_parameters_frozen():
    model = tiny.word_model("llama")
    expected = scale_gradients(model, PROMPTS, TARGETS)
    model.network.requires_grad_(False)
    with torch.no_grad():
        found = scale_gradients(model, PROMPTS, TARGETS)
    for site in expected:
        torch.testing.assert_close(found[site], expected[site])


def test_progress_and_prompts_without_a_target():
    model, told = tiny.word_model("llama"), []
    scale_gradients(model, PROMPTS, TARGETS, batch_size=3, progress=lambda *state: told.append(state))
    assert told == [(3, 4), (4, 4)]
    with pytest.raises(ValueError, match="every prompt needs at least one token"):
        scale_gradients(model, PROMPTS, [*TARGETS[:3], ()])
