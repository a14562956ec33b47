"""SAMD, and specificity from weights, against what is written out here by hand."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from sklearn.linear_model import orthogonal_mp

from headpursuit.analysis import CaptureConfig, RankConfig, capture
from headpursuit.analysis.rankers import Evidence, Unsuited, find_ranker, order_of
from headpursuit.concepts import Concept
from headpursuit.heads import Head

N = 12
PROMPTS = tuple(tiny.text_of([40 + i, 90 + 3 * i, 100 + i % 3]) for i in range(N))
ANSWERS = tuple((20 + i % 3,) for i in range(N))
CONCEPT = tuple(range(20, 26))


def evidence_of(model):
    captured = capture(model, PROMPTS, CaptureConfig(positions="last"))
    words = Concept("concept", tuple(f"w{i}" for i in CONCEPT))
    return Evidence(model, PROMPTS, captured, words, ANSWERS, PROMPTS, RankConfig(n_draws=4, n_atoms=3))


@pytest.fixture(scope="module")
def evidence():
    return evidence_of(tiny.word_model("llama"))


def value_output(model, head):
    """V W of a head, by the modules' names: the norm's gain, the group's values, the head's rows of the projection."""
    layer = model.network.model.layers[head.layer]
    value = layer.self_attn.v_proj.weight.data[8 * (head.index // 2) : 8 * (head.index // 2) + 8]
    return layer.input_layernorm.weight.data[:, None] * value.T @ write_weight(model, head)


def write_weight(model, head):
    return model.network.model.layers[head.layer].self_attn.o_proj.weight.data[:, 8 * head.index : 8 * head.index + 8].T


def test_samd_is_the_mean_cosine_with_the_mean_difference_of_the_samples_answer(evidence):
    scores = find_ranker("samd").scores(evidence)
    samples = evidence.samples
    written = {head: samples.mixed[head.site][:, head.index] @ write_weight(evidence.model, head) for head in scores}
    together = sum(written.values())
    right = [ANSWERS[i] for i in samples.prompt_of.tolist()]
    for head in scores:
        cosines = []
        for i, answer in enumerate(right):
            same = torch.tensor([other == answer for other in right])
            vector = together[same].mean(0) - together[~same].mean(0)
            cosines.append(float(torch.cosine_similarity(written[head][i], vector, dim=0)))
        assert scores[head] == pytest.approx(sum(cosines) / N, abs=1e-5)
    assert max(scores.values()) - min(scores.values()) > 0.05


def test_samd_finds_the_head_that_writes_a_direction_for_each_answer(evidence):
    mixed = {site: values.clone() for site, values in evidence.samples.mixed.items()}
    for i, number in enumerate(evidence.samples.prompt_of.tolist()):
        mixed["L1"][i, 2] = 50 * torch.eye(8)[number % 3]
        mixed["L2"][i, 0] = 0
    telling = replace(evidence, capture=replace(evidence.capture, samples=replace(evidence.samples, mixed=mixed)))
    scores = find_ranker("samd").scores(telling)
    assert order_of(scores)[0] == Head(1, 2)
    assert scores[Head(1, 2)] > 0.5
    assert scores[Head(2, 0)] == 0


def test_samd_needs_two_answers(evidence):
    with pytest.raises(Unsuited, match="all its ranking prompts have the same right answer; a mean difference needs"):
        find_ranker("samd").scores(replace(evidence, answers=((20,),) * N))


def explained(direction, dictionary):
    """What three atoms explain of a direction of unit length, by plain orthogonal matching pursuit."""
    atoms = torch.nn.functional.normalize(dictionary.vectors.double(), dim=1).numpy()
    found = orthogonal_mp(atoms.T, direction, n_nonzero_coefs=3)
    return 1 - np.sum((direction - atoms.T @ found) ** 2)


def test_weights_svd_explains_each_singular_direction_by_itself(evidence):
    scores = find_ranker("weights-svd").scores(evidence)
    own, *null = evidence.dictionaries()
    for head in (Head(0, 1), Head(1, 3), Head(2, 0)):
        _, lengths, directions = np.linalg.svd(value_output(evidence.model, head).double().numpy(), full_matrices=False)
        lengths, directions = lengths[:8], directions[:8]
        above = [explained(v, own) - np.mean([explained(v, each) for each in null]) for v in directions]
        assert scores[head] == pytest.approx(np.sum(lengths**2 * above) / np.sum(lengths**2), abs=1e-4)


def test_weights_svd_finds_the_head_whose_weights_write_the_concept_and_reads_no_prompt():
    model = tiny.word_model("llama")
    layers, rows = model.network.model.layers, model.network.lm_head.weight.data
    with torch.no_grad():
        layers[1].self_attn.o_proj.weight[:, 16:22] = 3 * rows[list(CONCEPT)].T
        layers[1].self_attn.o_proj.weight[:, 22:24] = 0
        layers[2].self_attn.o_proj.weight[:, :8] = 0  # a head that can write nothing
    evidence = evidence_of(model)
    scores = find_ranker("weights-svd").scores(evidence)
    assert order_of(scores)[0] == Head(1, 2)
    assert scores[Head(1, 2)] > 0.3
    assert scores[Head(2, 0)] == 0
    silent = {site: torch.zeros_like(values) for site, values in evidence.samples.mixed.items()}
    blind = replace(evidence, capture=replace(evidence.capture, samples=replace(evidence.samples, mixed=silent)))
    assert find_ranker("weights-svd").scores(blind) == scores
    assert find_ranker("weights-svd").scores(replace(evidence, capture=replace(evidence.capture, samples=None)))
