"""Activation patching and MAPS on planted heads; and where they do not suit."""

from dataclasses import replace

import pytest
import tiny
import torch

from headpursuit.analysis import CaptureConfig, RankConfig, capture
from headpursuit.analysis.rankers import Evidence, Unsuited, find_ranker, order_of
from headpursuit.concepts import Concept
from headpursuit.heads import Head
from headpursuit.models import counterparts, patched_losses, readout

SOURCES = range(40, 52)
PROMPTS = tuple(tiny.text_of([9, source, 7]) for source in SOURCES)
FACTS = tuple(f"about w{source}" for source in SOURCES)
ANSWERS = tuple((20 + i % 6,) for i in range(12))
PLANTED = Head(1, 2)


def evidence_of(model):
    captured = capture(model, PROMPTS, CaptureConfig(positions="last"))
    words = Concept("concept", tuple(f"w{i}" for i in range(20, 26)))
    return Evidence(model, PROMPTS, captured, words, ANSWERS, FACTS, RankConfig(n_draws=3), batch_size=5)


@pytest.fixture(scope="module")
def evidence():
    return evidence_of(tiny.word_model())


def mapping_model():
    """One head whose value-output map takes the sources' embeddings to what the logits of their answers read."""
    model = tiny.word_model("llama_wide_heads")
    attention = model.network.model.layers[1].self_attn
    with torch.no_grad():
        # Heads 2 and 3 share values. Twelve sources, of which the map keeps twelve coordinates.
        gain = model.network.model.layers[1].input_layernorm.weight
        embedded = model.network.model.embed_tokens.weight[list(SOURCES)] * gain
        attention.v_proj.weight[24:] = 0
        attention.v_proj.weight[24:36] = torch.linalg.pinv(embedded).T
        attention.o_proj.weight[:, 48:72] = 0
        attention.o_proj.weight[:, 48:60] = 5 * readout(model, [ids[0] for ids in ANSWERS]).T
    return model


def test_maps_finds_the_head_whose_weights_turn_sources_into_answers(evidence):
    scores = find_ranker("maps").scores(evidence_of(mapping_model()))
    assert order_of(scores)[0] == PLANTED
    assert scores[PLANTED] > 0.8
    assert scores[PLANTED] > find_ranker("maps").scores(evidence)[PLANTED] + 0.4


def test_maps_counts_answers_among_the_ten_largest_logits(evidence):
    """Written out with the modules' own weights."""
    network, scores = evidence.model.network, find_ranker("maps").scores(evidence)
    rows = readout(evidence.model, range(300))
    for head in (Head(0, 0), Head(1, 3), Head(2, 1)):
        attention = network.model.layers[head.layer].self_attn
        group = head.index // 2
        value = attention.v_proj.weight.data[8 * group : 8 * group + 8]
        write = attention.o_proj.weight.data[:, 8 * head.index : 8 * head.index + 8]
        gain = network.model.layers[head.layer].input_layernorm.weight.data
        hits = 0
        for source, (answer,) in zip(SOURCES, ANSWERS, strict=True):
            logits = rows @ (write @ (value @ (gain * network.model.embed_tokens.weight.data[source])))
            hits += answer in logits.topk(10).indices.tolist()
        assert scores[head] == pytest.approx(hits / 12)


def test_maps_reads_no_prompt_and_counts_a_pair_once(evidence):
    silent = {site: torch.zeros_like(values) for site, values in evidence.samples.mixed.items()}
    blind = replace(evidence, capture=replace(evidence.capture, samples=replace(evidence.samples, mixed=silent)))
    once = find_ranker("maps").scores(evidence)
    assert find_ranker("maps").scores(blind) == once
    twice = replace(
        evidence,
        prompts=PROMPTS + PROMPTS[:3] * 4,
        facts=FACTS + FACTS[:3] * 4,
        answers=ANSWERS + ANSWERS[:3] * 4,
    )
    assert find_ranker("maps").scores(twice) == once


def test_maps_needs_facts_that_end_in_a_word_of_the_prompt(evidence):
    with pytest.raises(Unsuited, match="0 of its facts end in a word of one token that stands in the prompt"):
        find_ranker("maps").scores(replace(evidence, facts=("elsewhere",) * 12))
    with pytest.raises(Unsuited, match="the right answers of its ranking prompts are not known"):
        find_ranker("maps").scores(replace(evidence, answers=((),) * 12))


def test_patching_is_the_mean_loss_by_the_counterparts_values(evidence):
    scores = find_ranker("activation-patching").scores(evidence)
    others = counterparts(evidence.model, PROMPTS, [set(ids) for ids in ANSWERS])
    lost = patched_losses(evidence.model, PROMPTS, [PROMPTS[i] for i in others], ANSWERS)
    for head, score in scores.items():
        assert score == pytest.approx(float(lost[head.site][:, head.index].mean()), abs=1e-5)
    assert max(scores.values()) > 0


def test_patching_finds_the_head_that_says_the_answer_and_none_that_always_does_the_same(evidence):
    """A head that attends to the fact's word, and another that writes as much, whatever is asked."""
    model = tiny.word_model()
    attention = model.network.model.layers[2].self_attn
    with torch.no_grad():
        attention.q_proj.weight[:] = 0  # every token is attended to alike
        attention.o_proj.weight[:] *= 0.01
        attention.o_proj.weight[:, 8:16] *= 1000
        model.network.model.layers[0].self_attn.o_proj.weight[:] = 0
        model.network.model.layers[1].self_attn.o_proj.weight[:] = 0
    said = [int(model.network(torch.tensor([[9, source, 7]])).logits[0, -1].argmax()) for source in SOURCES]
    own = replace(evidence_of(model), answers=tuple((token,) for token in said))
    scores = find_ranker("activation-patching").scores(own)
    assert order_of(scores)[0] == Head(2, 1)
    assert scores[Head(2, 1)] > 10 * max(abs(v) for h, v in scores.items() if h != Head(2, 1))
    assert max(abs(scores[Head(layer, i)]) for layer in (0, 1) for i in range(4)) < 1e-4


def test_patching_needs_another_answer_right_behind_the_prompt(evidence):
    with pytest.raises(Unsuited, match="all its ranking prompts have the same right answer; patching needs another"):
        find_ranker("activation-patching").scores(replace(evidence, answers=((20,),) * 12))
    late = replace(evidence.capture, config=replace(evidence.capture.config, positions="generated"))
    with pytest.raises(Unsuited, match="its answers come later than the next token"):
        find_ranker("activation-patching").scores(replace(evidence, capture=late))
