"""The whole road on the real embedded model, SmolLM2-135M-Instruct; fetched once, then offline."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

import headpursuit as hp
from headpursuit.models import answer, write_weights
from headpursuit.studies import load_task
from headpursuit.studies.metrics import contains

sys.path.insert(0, str(Path(__file__).parent / "pursuit"))
from oracle import plain_somp  # noqa: E402


@pytest.fixture(scope="module")
def model():
    return hp.load("smollm2-135m", device="cpu")


@pytest.fixture(scope="module")
def task():
    return load_task("countries-qa")


@pytest.fixture(scope="module")
def capture(model, task):
    return hp.capture(model, task.ranking_prompts)


def test_it_answers_like_a_language_model(model):
    assert "France" in answer(model, ["The Eiffel Tower is located in the country of"])[0]


def test_its_heads_are_certified(model):
    assert model.anatomy.summary() == "270 heads: layers 0-29 with 9 heads of width 64"
    certificate = model.certificate
    assert certificate.identity
    assert max(certificate.conservation, certificate.isolation, certificate.silence) < 1e-5


@pytest.mark.parametrize("rule", ["l1", "l2"])
def test_whole_vocabulary_pursuit_equals_the_plain_algorithm(model, capture, rule):
    unembedding = model.network.lm_head.weight.detach()
    for head in (hp.Head(23, 4), hp.Head(4, 1)):
        site = model.anatomy.site_of(head)
        mixed = capture.samples[head.layer][:, head.index].double()
        written = (mixed - mixed.mean(0)) @ write_weights(model.network, site)[head.index].double()
        atoms, explained = plain_somp(written, unembedding, 4, rule)
        found = hp.explain(model, capture, heads=[head], n_atoms=4, rule=rule)[0]
        assert list(found.token_ids) == atoms
        assert found.explained == pytest.approx(explained, abs=1e-5)


@pytest.mark.parametrize("rule", ["l1", "l2"])
def test_the_same_two_heads_rank_best_for_countries(model, capture, rule):
    ranking = hp.rank(model, capture, hp.load_concept("countries"), hp.RankConfig(rule=rule))
    assert ranking.top("1%") == (hp.Head(29, 2), hp.Head(23, 4))
    assert all(entry.z > 10 for entry in ranking.entries[:2])


def test_other_concepts_rank_other_heads_best(model, capture):
    countries = hp.rank(model, capture, hp.load_concept("countries")).top(2)
    assert not set(countries) & set(hp.rank(model, capture, hp.load_concept("months")).top(2))


def test_flipping_them_takes_the_countries_and_leaves_the_rest(model, task, capture):
    """A part of the study `countries-qa`: every fourth held-out question, one control."""
    questions = task.heldout[::4]
    edit = hp.rank(model, capture, hp.load_concept("countries")).edit("1%", scale=-1)
    control = hp.Edit.uniform([hp.Head(29, 7), hp.Head(23, 7)], -1)

    def rates(scales):
        with hp.rescale(model, scales):
            answers = answer(model, [q.prompt for q in questions])
        scores = [(q.group, contains(a, q.answers)) for q, a in zip(questions, answers, strict=True)]
        return {g: torch.tensor([s for h, s in scores if h == g]).mean().item() for g in ("target", "unrelated")}

    base, edited, controlled = rates(hp.Edit({})), rates(edit), rates(control)
    assert base["target"] > 0.4
    assert edited["target"] <= 0.15 * base["target"]
    assert edited["unrelated"] >= 0.85 * base["unrelated"]
    assert controlled["target"] >= 0.65 * base["target"]


def test_the_readme_example_runs_as_printed(capsys):
    text = (Path(__file__).parents[1] / "README.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    expected = text.split("```python\n")[1].split("```text\n")[1].split("```")[0]
    assert importlib.util.find_spec("headpursuit")
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out == expected
