"""Every ranker on a tiny model with planted heads, against what is written out here by hand."""

from dataclasses import replace

import pytest
import tiny
import torch

from headpursuit.analysis import CaptureConfig, RankConfig, capture, rank
from headpursuit.analysis.rankers import DEFAULT, RANKERS, Evidence, Unsuited, find_ranker, order_of, ranker_names
from headpursuit.concepts import Concept
from headpursuit.heads import Head
from headpursuit.models import readout, scale_gradients

CONCEPT = tuple(range(20, 28))
WRITER, OPPOSITE = Head(1, 2), Head(2, 3)
"""One head writes concept tokens, one their opposite."""
N = 24
PROMPTS = tuple(tiny.text_of([40 + i, 90 + 3 * i, 100 + i % 8]) for i in range(N))
ANSWERS = tuple((20 + i % 8,) for i in range(N))
FACTS = tuple(f"fact {i // 2}" for i in range(N))


def planted():
    """Two heads whose write weights are rows of the unembedding, the one's values positive, the other's negative."""
    model = tiny.word_model("llama")
    network = model.network
    rows = torch.nn.functional.normalize(network.lm_head.weight.data[list(CONCEPT)], dim=1)
    for head, sign in ((WRITER, 1.0), (OPPOSITE, -1.0)):
        part = slice(8 * head.index, 8 * head.index + 8)
        attention = network.model.layers[head.layer].self_attn
        attention.o_proj.weight.data[:, part] = sign * 3 * rows.T
        with torch.no_grad():  # the last token's value decides what is written, and its norm is above 0
            attention.q_proj.weight.data[part] = 0
    return model


@pytest.fixture(scope="module")
def evidence():
    model = planted()
    captured = capture(model, PROMPTS, CaptureConfig(positions="last"))
    words = Concept("concept", tuple(f"w{i}" for i in CONCEPT))
    return Evidence(model, PROMPTS, captured, words, ANSWERS, FACTS, RankConfig(n_draws=4), batch_size=7)


def written(evidence, head):
    """What a head writes at each sample, (n_samples, d_model)."""
    weight = evidence.model.network.model.layers[head.layer].self_attn.o_proj.weight.data
    return evidence.capture.samples.mixed[head.site][:, head.index] @ weight[:, 8 * head.index : 8 * head.index + 8].T


def answers_of(evidence):
    return [ANSWERS[i][0] for i in evidence.capture.samples.prompt_of.tolist()]


@pytest.mark.parametrize("name", ranker_names())
def test_every_ranker_scores_every_head_with_a_number(evidence, name):
    if name == "maps":  # which reads what a fact is about
        evidence = replace(evidence, facts=tuple(f"w{40 + i}" for i in range(N)))
    scores = find_ranker(name).score(evidence)
    assert set(scores) == set(evidence.model.anatomy.heads)
    assert torch.tensor(list(scores.values())).isfinite().all()
    assert find_ranker(name).score(evidence) == scores
    assert find_ranker(name).order(evidence) == tuple(sorted(scores, key=lambda h: (-scores[h], h)))


@pytest.mark.parametrize("name", [name for name in ranker_names() if name.startswith(("specificity", "explained"))])
def test_dictionaries_find_both_planted_heads(evidence, name):
    assert set(find_ranker(name).order(evidence)[:2]) == {WRITER, OPPOSITE}


def test_the_default_is_what_rank_does(evidence):
    found = rank(evidence.model, evidence.capture, evidence.concept, evidence.config)
    assert find_ranker(DEFAULT).order(evidence) == tuple(entry.head for entry in found.entries)
    assert next(iter(RANKERS)) == DEFAULT


def test_the_papers_score_is_explained_by_l1_without_centring(evidence):
    config = replace(evidence.config, score="explained", rule="l1", centre=False)
    found = rank(evidence.model, evidence.capture, evidence.concept, config)
    assert find_ranker("explained-paper").score(evidence) == {e.head: e.explained for e in found.entries}


def test_a_sign_matters_to_nonnegative_coefficients_alone():
    """All values of one head positive, all of the other negative: only the first writes the concept's tokens."""
    model = planted()
    captured = capture(model, PROMPTS, CaptureConfig(positions="last"))
    mixed = captured.samples.mixed
    for head in (WRITER, OPPOSITE):
        mixed[head.site][:, head.index] = mixed[head.site][:, head.index].abs() + 0.1
    words = Concept("concept", tuple(f"w{i}" for i in CONCEPT))
    evidence = Evidence(model, PROMPTS, captured, words, ANSWERS, FACTS, RankConfig(n_draws=4))
    signed = find_ranker("specificity-l1-uncentred").score(evidence)
    assert set(order_of(signed)[:2]) == {WRITER, OPPOSITE}
    scores = find_ranker("nonnegative-uncentred").score(evidence)
    assert order_of(scores)[0] == WRITER
    assert scores[WRITER] > 0.3
    assert scores[OPPOSITE] < 0.1


def test_the_logit_lens_is_the_share_of_the_best_concept_token(evidence):
    scores = find_ranker("logit-lens").score(evidence)
    atoms = torch.nn.functional.normalize(evidence.model.network.lm_head.weight.data[list(CONCEPT)], dim=1)
    for head in (WRITER, Head(0, 0), Head(2, 1)):
        rows = written(evidence, head)
        shares = [max(0.0, float((atoms @ row).max())) ** 2 / float(row @ row) for row in rows]
        assert scores[head] == pytest.approx(sum(shares) / N, rel=1e-4)


def test_direct_attribution_is_the_lift_of_the_answer_above_the_others(evidence):
    scores = find_ranker("direct-attribution").score(evidence)
    directions = dict(zip(CONCEPT, readout(evidence.model, CONCEPT), strict=True))
    for head in (WRITER, Head(0, 3)):
        lifts = []
        for row, answer in zip(written(evidence, head), answers_of(evidence), strict=True):
            others = torch.stack([directions[i] for i in CONCEPT if i != answer])
            lifts.append(float(row @ (directions[answer] - others.mean(0))))
        assert scores[head] == pytest.approx(sum(lifts) / N, rel=1e-3, abs=1e-6)


def lifts_of(evidence):
    """For each sample what lifts its answer above the concept's other tokens."""
    directions = dict(zip(CONCEPT, readout(evidence.model, CONCEPT), strict=True))
    means = {a: torch.stack([directions[i] for i in CONCEPT if i != a]).mean(0) for a in CONCEPT}
    return torch.stack([directions[answer] - means[answer] for answer in answers_of(evidence)])


def test_alignment_is_the_cosine_with_what_lifts_the_answer(evidence):
    lifts = lifts_of(evidence)
    for name, centre in (("alignment", False), ("alignment-centred", True)):
        scores = find_ranker(name).score(evidence)
        for head in (WRITER, OPPOSITE, Head(0, 3)):
            ours, theirs = written(evidence, head), lifts
            if centre:
                ours, theirs = ours - ours.mean(0), theirs - theirs.mean(0)
            cosine = torch.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0)
            assert scores[head] == pytest.approx(float(cosine), abs=1e-5)


def test_alignment_does_not_grow_with_what_a_head_writes(evidence):
    """A head twice as loud lifts the answer twice as much, and is as much aligned as before; a silent one has 0."""
    mixed = {site: values.clone() for site, values in evidence.capture.samples.mixed.items()}
    mixed[WRITER.site][:, WRITER.index] *= 2
    mixed["L0"][:, 3] = 0
    loud = replace(evidence, capture=replace(evidence.capture, samples=replace(evidence.samples, mixed=mixed)))
    before, after = (find_ranker("alignment").score(e) for e in (evidence, loud))
    assert abs(before[WRITER]) > 0.01
    assert after[WRITER] == pytest.approx(before[WRITER], rel=1e-4)
    assert after[Head(0, 3)] == 0.0
    before, after = (find_ranker("direct-attribution").score(e) for e in (evidence, loud))
    assert after[WRITER] == pytest.approx(2 * before[WRITER], rel=1e-4)


def test_aligned_attribution_has_the_sign_of_both(evidence):
    lift, cosine, both = (
        find_ranker(name).score(evidence) for name in ("direct-attribution", "alignment", "aligned-attribution")
    )
    assert any(value < 0 for value in both.values())
    for head, value in both.items():
        assert value == pytest.approx(lift[head] * abs(cosine[head]), rel=1e-5, abs=1e-9)


def test_gradients_are_means_over_prompts(evidence):
    for name, targets in (("gradient-answer", ANSWERS), ("gradient-concept", [CONCEPT] * N)):
        scores = find_ranker(name).score(evidence)
        expected = scale_gradients(evidence.model, PROMPTS, targets, batch_size=1)
        for head in (WRITER, Head(0, 1)):
            assert scores[head] == pytest.approx(float(expected[head.site][:, head.index].mean()), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", ["linear-probe", "nonlinear-probe"])
def test_probes_find_a_head_that_carries_the_answer(evidence, name):
    captured = evidence.capture
    mixed = {site: values.clone() for site, values in captured.samples.mixed.items()}
    directions = evidence.model.network.lm_head.weight.data
    turn = torch.randn(32, 8, generator=torch.Generator().manual_seed(0))
    mixed["L1"][:, 1] = torch.stack([directions[i] @ turn for i in answers_of(evidence)])
    carrying = replace(evidence, capture=replace(captured, samples=replace(captured.samples, mixed=mixed)))
    scores = find_ranker(name).score(carrying)
    assert order_of(scores)[0] == Head(1, 1)
    assert scores[Head(1, 1)] > 0.3
    assert scores[Head(1, 1)] > find_ranker(name).score(evidence)[Head(1, 1)] + 0.2


def test_prompts_of_one_fact_share_a_fold(evidence):
    folds = evidence.folds(5)
    by_fact = {}
    for fold, i in zip(folds.tolist(), evidence.samples.prompt_of.tolist(), strict=True):
        by_fact.setdefault(FACTS[i], set()).add(fold)
    assert len(by_fact) == 12
    assert all(len(found) == 1 for found in by_fact.values())
    assert len(set(folds.tolist())) == 5


def test_random_orders_differ_by_seed_alone(evidence):
    score = find_ranker("random").score
    assert score(evidence) == score(replace(evidence))
    assert score(evidence) != score(replace(evidence, seed=1))


NEEDS_ANSWERS = [
    "direct-attribution",
    "alignment",
    "alignment-centred",
    "aligned-attribution",
    "linear-probe",
    "nonlinear-probe",
    "gradient-answer",
    "gradient-mean",
    "integrated-gradients",
    "aligned-gradient",
    "activation-patching",
    "samd",
    "maps",
]
NEEDS_SAMPLES = [
    *(
        "logit-lens",
        "direct-attribution",
        "alignment",
        "alignment-centred",
        "aligned-attribution",
        "linear-probe",
        "nonnegative",
        "specificity-l1",
        "explained-paper",
        "samd",
    ),
]


@pytest.mark.parametrize("name", NEEDS_ANSWERS)
def test_without_known_answers_some_do_not_suit(evidence, name):
    assert find_ranker(name).needs_answers
    with pytest.raises(Unsuited, match="the right answers of its ranking prompts are not known"):
        find_ranker(name).score(replace(evidence, answers=((),) * N))


@pytest.mark.parametrize("name", NEEDS_SAMPLES)
def test_without_samples_some_do_not_suit(evidence, name):
    with pytest.raises(Unsuited, match="the capture kept no samples"):
        find_ranker(name).score(replace(evidence, capture=replace(evidence.capture, samples=None)))


def test_what_else_does_not_suit(evidence):
    with pytest.raises(Unsuited, match="ask for 1 fact; cross-validation needs two"):
        find_ranker("linear-probe").score(replace(evidence, facts=("one",) * N))
    alone = replace(evidence, concept=Concept("one", ("w20",)), answers=((20,),) * N)
    with pytest.raises(Unsuited, match="the concept has no token beside an answer's own"):
        find_ranker("direct-attribution").score(alone)
    with pytest.raises(ValueError, match="3 facts for 24 prompts; give one for each"):
        replace(evidence, facts=("a", "b", "c"))
    with pytest.raises(ValueError, match="there is no ranker 'best'; there is specificity, "):
        find_ranker("best")
    with pytest.raises(ValueError, match="there is no ranker 'alignmnet'; did you mean alignment?"):
        find_ranker("alignmnet")
