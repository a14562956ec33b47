"""Scores from gradients of the right answer, against gradients taken here by hand, prompt by prompt."""

from dataclasses import replace

import pytest
import tiny
import torch

from headpursuit.analysis import CaptureConfig, RankConfig, capture
from headpursuit.analysis.rankers import Evidence, Unsuited, find_ranker
from headpursuit.concepts import Concept
from headpursuit.heads import Edit, Head
from headpursuit.models import AnatomyError, rescale

IDS = ([40, 9, 30], [41, 8], [42, 7, 33, 50], [43, 6], [44, 99, 5])
PROMPTS = tuple(map(tiny.text_of, IDS))
ANSWERS = ((20,), (21, 22), (23,), (20,), (24,))
LENGTH = 4


def evidence_at(positions, answers=ANSWERS):
    model = tiny.word_model("llama")
    captured = capture(model, PROMPTS, CaptureConfig(positions=positions, max_new_tokens=LENGTH))
    words = Concept("concept", ("w20", "w21", "w23"))
    return Evidence(model, PROMPTS, captured, words, answers, PROMPTS, RankConfig(n_draws=2), batch_size=2)


def followed(network, ids, start, targets):
    """log of the summed probabilities that a target comes next, at the positions from `start` on."""
    logs = network(torch.tensor([ids])).logits[0, start:].log_softmax(-1)
    return logs[:, list(targets)].flatten().logsumexp(0)


def by_hand(evidence, positions):
    """By layer z (n, 32), W (32, 32) and the gradient by z W (n, 32) at all positions of all prompts."""
    network = evidence.model.network
    projections = [layer.self_attn.o_proj for layer in network.model.layers]
    found = [([], []) for _ in projections]
    for prompt, targets in zip(IDS, evidence.answers, strict=True):
        start = len(prompt) - 1
        ids = prompt if positions in ("last", "prompt") else prompt + tiny.greedy(network, prompt, LENGTH)
        pushes = [torch.zeros(1, len(ids), 32, requires_grad=True) for _ in projections]
        seen = {}

        def watch(module, args, output, seen=seen, pushes=pushes):
            i = projections.index(module)
            seen[i] = args[0][0]
            return output + pushes[i]

        handles = [module.register_forward_hook(watch) for module in projections]
        gradients = torch.autograd.grad(followed(network, ids, start, targets), pushes)
        for handle in handles:
            handle.remove()
        first = 0 if positions in ("prompt", "all") else start
        for i, gradient in enumerate(gradients):
            found[i][0].append(seen[i][first:].detach())
            found[i][1].append(gradient[0, first:])
    return [
        (torch.cat(z), module.weight.detach().T, torch.cat(g))
        for (z, g), module in zip(found, projections, strict=True)
    ]


@pytest.fixture(scope="module", params=["last", "prompt", "generated", "all"])
def positions(request):
    return request.param


@pytest.fixture(scope="module")
def evidence(positions):
    if positions in ("last", "prompt"):
        return evidence_at(positions)
    network = tiny.word_model("llama").network
    # Right answers that come late, and one that never comes.
    late = tuple((tiny.greedy(network, ids, LENGTH)[1 + i % 2],) for i, ids in enumerate(IDS))
    return evidence_at(positions, (*late[:-1], (24,)))


def test_aligned_gradient_is_lift_times_the_cosine_with_what_lifts_the_answer(evidence, positions):
    scores = find_ranker("aligned-gradient").scores(evidence)
    for layer, (z, weight, gradient) in enumerate(by_hand(evidence, positions)):
        for head in range(4):
            part = slice(8 * head, 8 * head + 8)
            written = z[:, part] @ weight[part]
            lift = (written * gradient).sum(1).mean()
            cosine = torch.cosine_similarity(written.flatten(), gradient.flatten(), dim=0)
            assert abs(cosine) > 1e-4
            assert scores[Head(layer, head)] == pytest.approx(float(lift * cosine.abs()), rel=2e-3, abs=1e-9)


def test_gradient_mean_is_what_the_mean_in_place_of_the_values_costs_to_first_order(evidence, positions):
    scores = find_ranker("gradient-mean").scores(evidence)
    for layer, (z, weight, gradient) in enumerate(by_hand(evidence, positions)):
        by_values = (z - z.mean(0)) * (gradient @ weight.T)
        for head in range(4):
            lost = by_values[:, 8 * head : 8 * head + 8].sum() / len(IDS)
            assert abs(lost) > 1e-6
            assert scores[Head(layer, head)] == pytest.approx(float(lost), rel=2e-3, abs=1e-6)


def test_integrated_gradients_are_small_changes_on_the_way_from_one_to_minus_one(evidence, positions):
    model = evidence.model
    scores = find_ranker("integrated-gradients").scores(evidence)
    short = positions in ("last", "prompt")
    rows = [ids if short else ids + tiny.greedy(model.network, ids, LENGTH) for ids in IDS]

    @torch.no_grad()
    def mean(edit):
        with rescale(model, Edit(edit)):
            found = [
                followed(model.network, row, len(ids) - 1, targets)
                for row, ids, targets in zip(rows, IDS, evidence.answers, strict=True)
            ]
        return float(sum(found)) / len(IDS)

    step = 0.02
    for head in (Head(0, 1), Head(2, 3)):
        changes = []
        for scale in (5 / 6, 1 / 2, 1 / 6, -1 / 6, -1 / 2, -5 / 6):
            everything = dict.fromkeys(model.anatomy.heads, scale)
            sides = [mean({**everything, head: scale + d}) for d in (step, -step)]
            changes.append((sides[0] - sides[1]) / (2 * step))
        assert scores[head] == pytest.approx(sum(changes) / 6, rel=2e-2, abs=2e-4)
        assert abs(scores[head]) > 1e-3


def test_a_head_that_always_does_the_same_costs_nothing_by_its_mean():
    evidence = evidence_at("last")
    attention = evidence.model.network.model.layers[1].self_attn
    with torch.no_grad():
        attention.v_proj.weight[:8] = 0  # the values of heads 0 and 1, which share them
    scores = find_ranker("gradient-mean").scores(evidence)
    assert scores[Head(1, 0)] == scores[Head(1, 1)] == 0
    assert abs(scores[Head(1, 2)]) > 1e-6


def test_positions_that_are_no_tokens_do_not_suit(monkeypatch):
    evidence = evidence_at("last")

    def refuse(*_, **__):
        raise AnatomyError("the heads work on patches")

    monkeypatch.setattr("headpursuit.models.gradients.rows_at", refuse)
    for name in ("aligned-gradient", "gradient-mean"):
        with pytest.raises(Unsuited, match="the heads work on patches"):
            find_ranker(name).scores(evidence)


def test_where_no_answers_were_captured_none_are_followed():
    evidence = evidence_at("last")
    assert evidence.answer_length == 0
    for positions in ("generated", "all"):
        config = replace(evidence.capture.config, positions=positions)
        assert replace(evidence, capture=replace(evidence.capture, config=config)).answer_length == LENGTH
