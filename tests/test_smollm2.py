"""The whole road on the real embedded model, SmolLM2-135M-Instruct; fetched once, then offline."""

import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

import headpursuit as hp
from headpursuit.models import answer, write_weights
from headpursuit.pursuit import random_heads
from headpursuit.studies import load_task
from headpursuit.studies.tasks.declared import further_questions
from headpursuit.studies.text.metrics import contains

sys.path.insert(0, str(Path(__file__).parent / "pursuit"))
from oracle import plain_somp  # noqa: E402

pytestmark = pytest.mark.real

THREADS = torch.get_num_threads()


@pytest.fixture(autouse=True)
def all_threads():
    """A real model needs them."""
    torch.set_num_threads(THREADS)


@pytest.fixture(scope="module")
def model():
    return hp.load("smollm2-135m", device="cpu")


@pytest.fixture(scope="module")
def task():
    return load_task("countries-qa")


@pytest.fixture(scope="module")
def capture(model, task):
    return hp.capture(model, task.ranking_prompts)


@pytest.mark.parametrize("rule", ["l1", "l2"])
def test_whole_vocabulary_pursuit_equals_the_plain_algorithm(model, capture, rule):
    unembedding = model.network.lm_head.weight.detach()
    for head in (hp.Head(23, 4), hp.Head(4, 1)):
        site = model.anatomy.site_of(head)
        mixed = capture.samples.mixed[head.site][:, head.index].double()
        written = (mixed - mixed.mean(0)) @ write_weights(model.network, site)[head.index].double()
        atoms, explained = plain_somp(written, unembedding, 4, rule)
        found = hp.explain(model, capture, heads=[head], n_atoms=4, rule=rule)[0]
        assert list(found.token_ids) == atoms
        assert found.explained == pytest.approx(explained, abs=1e-5)


def test_most_of_every_subject_that_grows_an_edit_is_known(model):
    asked = further_questions()
    said = answer(model, [q.prompt for q in asked], max_new_tokens=5, batch_size=32)
    right = {subject: [] for subject in dict.fromkeys(q.subject for q in asked)}
    for question, text in zip(asked, said, strict=True):
        right[question.subject].append(contains(text, question.answers))
    assert len(right) == 19
    assert min(sum(each) / len(each) for each in right.values()) > 0.5
    assert sum(map(sum, right.values())) == 174


@pytest.mark.parametrize("rule", ["l1", "l2"])
def test_the_same_two_heads_rank_best_for_countries(model, capture, rule):
    ranking = hp.rank(model, capture, hp.load_concept("countries"), hp.RankConfig(rule=rule))
    assert ranking.top("1%") == (hp.Head(29, 2), hp.Head(23, 4))
    assert all(entry.z > 10 for entry in ranking.entries[:2])


def test_other_concepts_rank_other_heads_best(model, capture):
    countries = hp.rank(model, capture, hp.load_concept("countries")).top(2)
    assert not set(countries) & set(hp.rank(model, capture, hp.load_concept("months")).top(2))


def test_flipping_them_takes_the_countries_and_leaves_the_rest(model, task, capture):
    """A part of the study `countries-qa`: every fourth held-out question, five layer-matched controls."""
    questions = task.heldout[::4]
    targets = [q for q in questions if q.group == "target"]
    unrelated = [q for q in questions if q.group == "unrelated"]
    edit = hp.rank(model, capture, hp.load_concept("countries")).edit("1%", scale=-1)
    controls = random_heads(edit, model.anatomy.heads, 5, 0, layer_matched=True)

    def rate(asked, scales):
        with hp.rescale(model, scales):
            answers = answer(model, [q.prompt for q in asked])
        return sum(contains(a, q.answers) for q, a in zip(asked, answers, strict=True)) / len(asked)

    base = rate(targets, hp.Edit({}))
    assert base > 0.4
    assert rate(targets, edit) <= 0.15 * base
    assert rate(unrelated, edit) >= 0.85 * rate(unrelated, hp.Edit({}))
    controlled = [rate(targets, hp.Edit.uniform(heads, -1)) for heads in controls]
    assert sum(controlled) / 5 >= 0.65 * base


THREE = hp.Edit.uniform((hp.Head(29, 2), hp.Head(23, 4), hp.Head(29, 1)), -1)
FORMATS = ("weights", "ia3", "lora")


@torch.no_grad()
def logits(model, network, prompt):
    return network(**model.tokenizer(prompt, return_tensors="pt")).logits


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_exported_equals_the_hook(model, task, tmp_path, form):
    prompts = [q.prompt for q in task.heldout[::80]]
    written = hp.export(model, THREE, tmp_path / "out", form, prompts=prompts)
    assert written.difference.effect > 0.1
    assert written.difference.equal_answers == len(prompts) == 4
    with hp.rescale(model, THREE):
        expected = logits(model, model.network, prompts[0])
    if form == "weights":
        stock = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    else:
        stock = PeftModel.from_pretrained(model.network, tmp_path / "out")
    found = logits(model, stock, prompts[0])
    if form != "weights":
        stock.unload()
    if form == "lora":
        assert 0 < written.difference.logits <= 1e-4
        assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
    else:
        assert written.difference.logits == 0
        assert torch.equal(found, expected)
    if form == "ia3":
        assert sum(file.stat().st_size for file in (tmp_path / "out").iterdir()) < 100_000


@pytest.fixture(scope="module")
def hooked_answers(model, task):
    with hp.rescale(model, THREE):
        return answer(model, [q.prompt for q in task.heldout])


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_every_heldout_question_is_answered_as_under_the_hook(model, task, hooked_answers, tmp_path, form):
    prompts = [q.prompt for q in task.heldout]
    hp.export(model, THREE, tmp_path / "out", form, prompts=prompts[:1])
    if form == "weights":
        found = answer(hp.load(str(tmp_path / "out"), device="cpu"), prompts)
    else:
        adapter = PeftModel.from_pretrained(model.network, tmp_path / "out")
        found = answer(model, prompts)
        adapter.unload()
    assert len(found) == 311
    assert found == hooked_answers
