"""Value weights, measured, against the modules that hold them; and heads patched from other prompts."""

import pytest
import tiny
import torch

from headpursuit.heads import Head
from headpursuit.models import LanguageModel, counterparts, patched_losses, value_weights
from headpursuit.models.anatomy import site_hooks
from headpursuit.models.norms import norm_gain


def by_hand(family, network, layer):
    """W_V by its name, (n_heads, d_model, d_head), and the norm that the attention reads."""
    if family == "gpt2":
        block = network.transformer.h[layer]
        return block.attn.c_attn.weight.data[:, 64:].unflatten(1, (4, 8)).transpose(0, 1), block.ln_1
    if family == "gpt_neox":
        block = network.gpt_neox.layers[layer]
        fused = block.attention.query_key_value.weight.data.view(4, 24, 32)  # each head's q, k, v
        return fused[:, 16:].transpose(1, 2), block.input_layernorm
    block = network.model.layers[layer]
    grouped = block.self_attn.v_proj.weight.data
    d_head = network.model.layers[0].self_attn.o_proj.weight.shape[1] // 4
    values = grouped.view(-1, d_head, 32).transpose(1, 2)
    return values.repeat_interleave(4 // len(values), 0), getattr(block, "input_layernorm", None)


@pytest.mark.parametrize("family", ["llama", "llama_bias", "llama_wide_heads", "qwen3", "gemma", "gpt2", "gpt_neox"])
def test_value_weights_are_those_of_the_modules_with_the_norms_gain(family):
    model = tiny.language_model(family)
    found = value_weights(model)
    assert [site.name for site in found] == ["L0", "L1", "L2"]
    for layer, values in enumerate(found.values()):
        expected, norm = by_hand(family, model.network, layer)
        measured = norm_gain(norm, 32)
        if measured.centres:  # x - mean is what the values are made of
            expected = measured.gain[:, None] * expected
            expected = expected - expected.mean(1, keepdim=True)
        else:
            expected = measured.gain[:, None] * expected
        torch.testing.assert_close(values, expected, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("family", ["llama", "gpt2", "olmo2", "bert", "gemma2"])
def test_a_head_that_reads_one_token_mixes_its_own_value(family):
    """What is found, where anything is, says what heads do: a token by itself, its stream normed as the model does."""
    model = tiny.word_model(family)
    found = value_weights(model)
    if not found:
        pytest.skip("no value weights")
    ids = torch.tensor([[17], [40]])
    streams = model.network(ids, output_hidden_states=True).hidden_states
    mixed = [tiny_mixed(model, ids)[site] for site in found]
    for number, (site, values) in enumerate(found.items()):
        x = streams[site.layer].detach()[:, 0]
        difference = mixed[number][0] - mixed[number][1]
        # Norms' scales differ by token; both are one number, which is solved for.
        lines = torch.einsum("nm,hmd->nhd", x, values).flatten(1)
        solved = torch.linalg.lstsq(lines.T, difference.flatten()[:, None]).solution
        torch.testing.assert_close((lines.T @ solved)[:, 0], difference.flatten(), atol=1e-4, rtol=1e-3)


def tiny_mixed(model, ids):
    return {site: values[:, 0] for site, values in mixed_at(model, model.anatomy.sites, ids).items()}


@torch.no_grad()
def mixed_at(model, sites, ids):
    """What enters the projections of some sites, (n_rows, n_tokens, width)."""
    seen = {}
    with site_hooks(model.network, sites, lambda site, values: seen.update({site: values.clone()})):
        model.network(ids)
    return seen


def test_values_that_are_no_linear_map_are_left_out():
    model = tiny.language_model("llama")
    attention = model.network.model.layers[1].self_attn
    plain = attention.v_proj.forward
    attention.v_proj.forward = lambda x: plain(x).tanh()
    assert [site.name for site in value_weights(LanguageModel(model.network, model.tokenizer))] == ["L0", "L2"]


PROMPTS = [tiny.text_of(ids) for ids in ([9, 40, 7], [30, 11, 41, 7], [9, 42, 7], [60, 61, 62])]


def test_the_counterpart_is_the_same_template_with_another_fact():
    model = tiny.word_model()
    assert counterparts(model, PROMPTS, ["a", "b", "c", "d"]) == (2, 0, 0, 0)
    assert counterparts(model, PROMPTS, ["a", "b", "a", "d"]) == (1, 0, 1, 0)
    assert counterparts(model, PROMPTS[:2], ["a", "a"]) == (None, None)


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2"])
def test_a_patched_head_says_at_the_last_token_what_it_says_elsewhere(family):
    """Against whole passes in which the head's slice is overwritten by hand."""
    model = tiny.word_model(family)
    others, targets = [PROMPTS[2], PROMPTS[0], PROMPTS[0], PROMPTS[1]], [(5,), (6, 7), (8,), (9,)]
    found = patched_losses(model, PROMPTS, others, targets, batch_size=3)
    for head in (Head(0, 1), Head(1, 3), Head(2, 0)):
        site = model.anatomy.site_of(head)
        for row, (prompt, other, ids) in enumerate(zip(PROMPTS, others, targets, strict=True)):
            tokens, source = (torch.tensor([[int(word[1:]) for word in text.split()]]) for text in (prompt, other))
            z = mixed_at(model, [site], source)[site][0, -1]

            def enter(site, mixed, z=z, index=head.index):
                mixed = mixed.clone()
                mixed[0, -1, site.slice_of(index)] = z[site.slice_of(index)]
                return mixed

            with torch.no_grad():
                before = model.network(tokens).logits[0, -1].log_softmax(-1)[list(ids)].logsumexp(0)
                with site_hooks(model.network, [site], enter):
                    after = model.network(tokens).logits[0, -1].log_softmax(-1)[list(ids)].logsumexp(0)
            assert found[site.name][row, head.index] == pytest.approx(float(before - after), abs=2e-5)
    assert max(float(values.abs().max()) for values in found.values()) > 1e-3
