from copy import deepcopy

import pytest
import tiny
import torch
from oracle import plain_somp

from headpursuit.analysis import CaptureConfig, capture, explain
from headpursuit.heads import Head
from headpursuit.models import LanguageModel, write_weights

IDS = ([5, 7, 9, 11, 13], [100, 101, 102], [33, 44, 55, 66], [250, 251, 4, 9, 8])
PROMPTS = [tiny.text_of(ids) for ids in IDS]


@pytest.fixture(scope="module")
def model():
    return tiny.word_model(n_words=280)


@pytest.fixture(scope="module")
def captured(model):
    return capture(model, PROMPTS, CaptureConfig("prompt"))


def written(model, head):
    """H = Z W from plain forwards and the weight as it stands in the network."""
    z = torch.cat([tiny.mixed_of(model.network, "llama", ids)[head.site][:, head.index] for ids in IDS])
    weight = model.network.model.layers[head.layer].self_attn.o_proj.weight.detach()
    return z.double() @ weight[:, 8 * head.index : 8 * head.index + 8].T.double()


@pytest.mark.parametrize("rule", ["l1", "l2", "forward"])
@pytest.mark.parametrize("centre", [False, True])
def test_equals_the_plain_algorithm_on_what_each_head_writes(model, captured, rule, centre):
    found = explain(model, captured, n_atoms=5, rule=rule, centre=centre)
    assert [e.head for e in found] == list(model.anatomy.heads)
    for e in found:
        h = written(model, e.head)
        atoms, explained = plain_somp(
            h - h.mean(0) if centre else h, model.network.lm_head.weight[:280].detach(), 5, rule
        )
        assert list(e.token_ids) == atoms
        torch.testing.assert_close(torch.tensor(e.explained), torch.tensor(explained), atol=1e-5, rtol=0)


def test_the_gain_multiplies_the_dictionary(model, captured):
    head = Head(2, 1)
    found = explain(model, captured, heads=[head], n_atoms=4, centre=False, gain=True)
    directions = (model.network.lm_head.weight[:280] * model.network.model.norm.weight).detach()
    atoms, explained = plain_somp(written(model, head), directions, 4, "l2")
    assert list(found[0].token_ids) == atoms
    assert found[0].explained == pytest.approx(explained, abs=1e-5)


def test_tokens_are_the_texts_of_the_ids(model, captured):
    found = explain(model, captured, heads=[Head(0, 0)], n_atoms=3)[0]
    assert len(found.tokens) == 3
    assert model.tokenizer.convert_tokens_to_ids(found.tokens) == list(found.token_ids)


def test_only_the_heads_asked_for_in_order_and_once(model, captured):
    asked = [Head(2, 3), Head(0, 1), Head(2, 3)]
    found = explain(model, captured, heads=asked, n_atoms=3)
    assert [e.head for e in found] == [Head(0, 1), Head(2, 3)]
    everything = {e.head: e for e in explain(model, captured, n_atoms=3)}
    assert [e.token_ids for e in found] == [everything[e.head].token_ids for e in found]


def test_steps_with_nothing_left_to_explain_have_no_token():
    broken = LanguageModel(tiny.network("llama"), tiny.word_tokenizer(280))
    broken.network.model.layers[1].self_attn.o_proj.weight.data[:, 8:16] = 0
    assert write_weights(broken.network, broken.anatomy.sites[1])[1].abs().max() == 0
    found = explain(broken, capture(broken, PROMPTS), heads=[Head(1, 1)], n_atoms=3)[0]
    assert (found.tokens, found.token_ids, found.explained) == ((), (), ())


def test_a_head_that_does_not_exist_is_refused(model, captured):
    with pytest.raises(ValueError, match="L0H4 does not exist: the model has 12 heads"):
        explain(model, captured, heads=[Head(0, 4)])


def test_a_capture_of_another_model_is_refused(captured):
    with pytest.raises(
        ValueError, match="made with tiny-llama in float32; tiny-llama in float32 has another unembedding"
    ):
        explain(tiny.word_model(seed=1), captured)


def test_a_capture_of_a_finetuned_sibling_is_refused(model, captured):
    sibling = LanguageModel(deepcopy(model.network), model.tokenizer, model.name)
    sibling.network.model.layers[2].self_attn.o_proj.weight.data += 1e-4
    with pytest.raises(ValueError, match="tiny-llama in float32 has another output projection"):
        explain(sibling, captured)


def test_l1_needs_samples(model):
    moments = capture(model, PROMPTS, CaptureConfig(samples=0))
    with pytest.raises(ValueError, match="l1 rule needs samples, but the capture kept only moments"):
        explain(model, moments, rule="l1")


def test_one_sample_has_nothing_left_after_centring(model):
    single = capture(model, PROMPTS[:1])
    with pytest.raises(ValueError, match="the capture holds one sample, and centring leaves nothing of it"):
        explain(model, single)
    assert len(explain(model, single, centre=False)) == 12
