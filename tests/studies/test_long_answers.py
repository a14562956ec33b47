"""Held-out questions answered at length, greedily and sampled."""

import pytest
import torch
from tiny_study import prompt, tiny_config

from headpursuit.heads import Edit
from headpursuit.models import Decoding, answer, answers_under
from headpursuit.report.pages import answers as page
from headpursuit.studies import StudyResult, config, study
from headpursuit.studies.experiments.answers import shown
from headpursuit.studies.figures.long_answers import is_degenerate, long_arms
from headpursuit.studies.results import Asked

N_TOKENS = 20
"""The tiny model has room for no hundred."""


@pytest.fixture(scope="module")
def long(model, words, tmp_path_factory):
    folder = tmp_path_factory.mktemp("long") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "LEAST_LONG", N_TOKENS)
        yield study(model, tiny_config(words, long=N_TOKENS, controls=1), folder), folder


def test_questions_are_answered_at_length_in_both_ways_under_every_arm(long):
    result, folder = long
    assert [(one.decoding, one.n_tokens) for one in result.long] == [("greedy", N_TOKENS), ("sampled", N_TOKENS)]
    for one in result.long:
        assert [arm.name for arm in one.arms] == ["base", "edit", "matched-1"]
        for arm in one.arms:
            assert (folder / "long" / one.decoding / f"{arm.name}.json").stat().st_size > 14 * N_TOKENS * 2
    assert StudyResult.load(folder) == result
    assert 'id="long"' in page.page(folder).text()
    titles = [
        table.title for table in shown(result) if getattr(table, "title", "").startswith(f"answers of {N_TOKENS}")
    ]
    assert [title.split()[4] for title in titles] == ["greedy:", "sampled:"]


def test_samples_are_seeded_and_the_generator_is_left_as_it_was(model):
    prompts = [prompt(30), prompt(31)]

    def sampled(seed):
        return answer(model, prompts, max_new_tokens=8, decoding=Decoding(8, 1.0, seed))

    torch.manual_seed(0)
    before = torch.rand(1)
    torch.manual_seed(0)
    first = sampled(1)
    assert torch.equal(torch.rand(1), before)
    assert sampled(1) == first != sampled(2)
    assert first != answer(model, prompts, max_new_tokens=8)
    (under,) = answers_under(model, prompts, [Edit({})], max_new_tokens=8, decoding=Decoding(8, 1.0, 1))
    assert list(under.texts) == first


def test_degenerate_answers_are_counted_and_left_out_with_their_questions(task):
    questions = [q for q in task.heldout if q.group == "target"][:4]
    right = [q.answers[0] + " and some other words here" for q in questions]
    loop = "w1 w2 " * 20
    arms = {"base": [*right[:3], loop], "edit": [loop, "", "w0 is what it says", right[3]]}
    asked = [Asked(name, name, Edit({}), "", tuple(answers)) for name, answers in arms.items()]
    base, edit = long_arms(task, task.words, questions, asked, 0)
    assert is_degenerate(loop)
    assert (base.degenerate, edit.degenerate) == (0.25, 0.5)
    assert (base.target.n_questions, base.target.score.value) == (3, 1)
    assert (edit.target.n_questions, edit.target.score.value, edit.left.value) == (1, 0, 0)
