import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import tiny

from headpursuit.explore import Question, ask
from headpursuit.explore.fragments import segments
from headpursuit.heads import Edit, Head
from headpursuit.models import answer, rescale

PROMPT = tiny.text_of(range(5, 11))
N_NEW = 5
EDIT = Edit.uniform([Head(0, 1), Head(2, 3)], -8)


def expected(bench, edit, prompt=PROMPT):
    with bench.turn() as model, rescale(model, edit):
        return answer(model, [prompt], max_new_tokens=N_NEW)[0]


def last(job):
    return list(job)[-1]


def test_every_column_is_what_its_edit_says(bench):
    tables = list(ask(bench, Question(PROMPT, EDIT, N_NEW)))
    answers = tables[-1].answers
    assert answers["base"].text == expected(bench, Edit({}))
    assert answers["edit"].text == expected(bench, EDIT) != answers["base"].text
    drawn = answers["random"].edit
    assert [head.layer for head in drawn] == [0, 2]
    assert not set(drawn) & set(EDIT)
    assert set(drawn.values()) == {-8.0}
    assert answers["random"].text == expected(bench, drawn)
    grown = [table.answers["edit"].text for table in tables]
    assert sorted(grown, key=len) == grown
    assert len(set(grown)) >= N_NEW
    first = next(table for table in tables if table.answers["edit"].text)
    assert not first.answers["random"].text  # the edited model is not kept waiting by the others


def test_damage_is_measured(bench):
    damage = last(ask(bench, Question(PROMPT, EDIT, N_NEW))).damage
    base = bench.loss(bench.model)
    with rescale(bench.model, EDIT):
        assert damage.perplexity_ratio == pytest.approx(2.718281828 ** (bench.loss(bench.model) - base))
    whole = last(ask(bench, Question(PROMPT, Edit({}), N_NEW))).damage
    assert whole.perplexity_ratio == 1
    assert whole.signs == ()


def test_a_model_that_falls_apart_is_told(bench, monkeypatch):
    monkeypatch.setattr("headpursuit.explore.answers.stream_answer", lambda *_, **__: "no no no no no no")
    worse = iter([1.0, 3.0])
    monkeypatch.setattr(bench, "loss", lambda _: next(worse))
    bench._cache.pop("loss", None)
    bench._cache.pop("answer", None)
    signs = last(ask(bench, Question(PROMPT, EDIT, N_NEW))).damage.signs
    bench._cache.pop("loss", None)
    bench._cache.pop("answer", None)
    assert signs == ("its perplexity on a neutral paragraph is 7.39 times the unedited one",)


def test_two_visitors_get_their_own_edits(bench):
    edits = [Edit.uniform([Head(i % 3, i % 4)], 8 - 3 * i) for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda edit: last(ask(bench, Question(PROMPT, edit, N_NEW))).answers["edit"].text, edits))
    assert found == [expected(bench, edit) for edit in edits]


def test_answers_that_are_called_off_leave_the_model_whole(bench):
    base = expected(bench, Edit({}))
    job = ask(bench, Question(PROMPT, EDIT, N_NEW))
    heard = iter(job)
    while not next(heard).answers["edit"].text:
        pass
    heard.close()
    assert job.wait(60.0)
    assert expected(bench, Edit({})) == base
    assert not any(module._forward_pre_hooks for module in bench.model.network.modules())


def test_who_waits_is_told_so_and_can_leave(bench):
    with bench.turn():
        job = ask(bench, Question(PROMPT, EDIT, N_NEW))
        assert any(table.waiting for table in job)
        job.cancel()
        assert job.wait(60.0)


def test_bad_prompts_end_in_an_error(bench):
    with pytest.raises(ValueError, match="the context holds"):
        list(ask(bench, Question("w5 " * 5000, EDIT, N_NEW)))
    assert threading.active_count() < 50


def test_words_of_the_concept_are_marked():
    assert segments("In France, france!", ("France",)) == [
        ("In ", False),
        ("France", True),
        (", ", False),
        ("france", True),
        ("!", False),
    ]
    assert segments("nothing", ()) == [("nothing", False)]
    assert segments("", ("x",)) == []
