"""Arms that answer side by side give what each gives by itself, and are kept one by one."""

import json

import pytest
import tiny
import torch
from tiny_study import ARMS, N_NEW, breaking_in, tiny_config

from headpursuit.heads import Edit
from headpursuit.models import answer, log_probabilities, rescale
from headpursuit.records import from_record
from headpursuit.studies import study
from headpursuit.studies.results import Arm
from headpursuit.studies.settings import find_task
from headpursuit.studies.steps import arms as running
from headpursuit.studies.steps.sweep import waves
from headpursuit.user_errors import Note


@pytest.fixture(scope="module")
def model():
    return tiny.word_model()


@pytest.fixture(scope="module")
def config(words):
    return tiny_config(words, batch_size=5)


@pytest.fixture(scope="module")
def finished(model, config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "study"
    return study(model, config, folder), folder


def kept(folder):
    arms = [from_record(Arm, json.loads((folder / "arms" / f"{name}.json").read_text())) for name in ARMS]
    return {arm.name: arm for arm in arms}


def damage_alone(model, task, edit):
    """Perplexity and divergence by whole passes over the neutral text."""
    before = list(log_probabilities(model, task.neutral_texts))
    losses, divergences = [], []
    with rescale(model, edit):
        for (base, _), (after, tokens) in zip(before, log_probabilities(model, task.neutral_texts), strict=True):
            losses.append(-after.gather(1, tokens[:, None])[:, 0])
            divergences.append((base.exp() * (base - after)).sum(1))
    return float(torch.cat(losses).mean().exp()), float(torch.cat(divergences).mean())


def test_answers_and_damage_are_those_of_each_arm_alone(finished, model, config):
    task = find_task(config).split_for(sweep=False)
    prompts = [question.prompt for question in task.heldout]
    arms = kept(finished[1])
    assert len({arm.answers for arm in arms.values()}) > 2
    for arm in arms.values():
        with rescale(model, arm.edit):
            assert arm.answers == tuple(answer(model, prompts, max_new_tokens=N_NEW, batch_size=5)), arm.name
        assert (arm.damage.perplexity, arm.damage.kl) == pytest.approx(
            damage_alone(model, task, arm.edit), rel=1e-5, abs=1e-6
        )


def test_an_interrupted_study_keeps_what_was_finished_and_ends_alike(finished, model, config, tmp_path):
    folder = tmp_path / "study"
    with breaking_in("random-1") as begun, pytest.raises(KeyboardInterrupt):
        study(model, config, folder)
    assert begun == ARMS[: ARMS.index("random-1") + 1]
    assert sorted(path.stem for path in (folder / "arms").iterdir()) == sorted(begun[:-1])
    with breaking_in(None) as begun:
        result = study(model, config, folder, resume=True)
    assert begun == ARMS[ARMS.index("random-1") :]
    assert result.arms == finished[0].arms
    assert result.verdict == finished[0].verdict


def test_no_more_arms_than_so_many_answer_side_by_side(model, config, monkeypatch, tmp_path):
    together = []
    under = running.answers_under

    def noted(model, prompts, edits, **options):
        together.append((len(edits), options["batch_size"]))
        return under(model, prompts, edits, **options)

    monkeypatch.setattr(running, "answers_under", noted)
    monkeypatch.setattr(running, "AT_ONCE", 4)
    study(model, config, tmp_path / "study")
    assert together == [(1, 5), (4, 20), (2, 20)]


def test_edits_that_are_equal_answer_once(model, config, monkeypatch, tmp_path):
    runner = running.ArmRunner(model, find_task(config), config, lambda *_: None)
    parts = running.Parts(tmp_path / "arms", Arm, lambda *_: None, "arms")
    edit = Edit({"L1H0": -2.0})
    planned = [("base", "base", Edit({})), ("one", "edit", edit), ("same", "matched", edit)]
    asked = []
    under = running.answers_under
    monkeypatch.setattr(
        running, "answers_under", lambda m, p, edits, **o: asked.append(edits) or under(m, p, edits, **o)
    )
    arms = runner.all_kept(parts, planned)
    assert asked == [[Edit({}), edit]]
    assert arms[1].answers == arms[2].answers and [arm.name for arm in arms] == ["base", "one", "same"]


def test_an_edit_that_is_planned_in_two_groups_answers_once(model, config, monkeypatch, tmp_path):
    runner = running.ArmRunner(model, find_task(config), config, lambda *_: None)
    parts = running.Parts(tmp_path / "arms", Arm, lambda *_: None, "arms")
    a, b, c = (Edit({f"L1H{n}": -2.0}) for n in range(3))
    planned = [("base", "base", Edit({}))]
    planned += [(str(n), "matched", edit) for n, edit in enumerate([a, b, c, a])]
    asked, under = [], running.answers_under
    monkeypatch.setattr(
        running, "answers_under", lambda m, p, edits, **o: asked.append(edits) or under(m, p, edits, **o)
    )
    monkeypatch.setattr(running, "AT_ONCE", 2)
    arms = runner.all_kept(parts, planned)
    assert asked == [[Edit({}), a], [b, c]]
    assert arms[1].answers == arms[4].answers
    runner.all_kept(parts, [("again", "matched", a), ("new", "matched", Edit({"L0H0": -2.0}))])
    assert asked[2:] == [[Edit({"L0H0": -2.0})]]


FULL = "[enforce fail at alloc_cpu.cpp:119] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"


def test_batches_are_halved_where_memory_runs_out_and_stay_so(finished, model, config, monkeypatch, tmp_path):
    tried, under = [], running.answers_under

    def small(*args, batch_size, **options):
        tried.append(batch_size)
        if batch_size > 6:
            raise RuntimeError(FULL)
        return under(*args, batch_size=batch_size, **options)

    monkeypatch.setattr(running, "answers_under", small)
    monkeypatch.setattr(running, "AT_ONCE", 3)
    with pytest.warns(Note, match="a batch of 18 rows takes more memory than there is; 4 fitted"):
        study(model, config, tmp_path / "study")
    assert tried == [5, 18, 9, 4, 4]
    answered = {name: arm.answers for name, arm in kept(tmp_path / "study").items()}
    assert answered == {name: arm.answers for name, arm in kept(finished[1]).items()}


def test_small_batches_stay_small_where_arms_share_them():
    assert [running.rows_of(16, size) for size in (1, 3, 4, 5, 64)] == [4, 12, 16, 16, 256]
    assert [running.rows_of(n, 5) for n in (1, 3, 20, 21)] == [5, 18, 20, 20]


def test_memory_for_not_a_single_row_ends_in_a_line_and_keeps_what_was_finished(model, config, monkeypatch, tmp_path):
    under = running.answers_under

    def never(model, prompts, edits, **options):
        if len(edits) > 1:
            raise RuntimeError(FULL)
        return under(model, prompts, edits, **options)

    monkeypatch.setattr(running, "answers_under", never)
    with pytest.raises(MemoryError, match="memory runs out with a single row in a batch; take a smaller format"):
        study(model, config, tmp_path / "study")
    assert [path.stem for path in (tmp_path / "study" / "arms").iterdir()] == ["base"]


def test_an_error_of_another_kind_is_not_taken_for_want_of_memory(model, config, monkeypatch, tmp_path):
    monkeypatch.setattr(running, "answers_under", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("another")))
    with pytest.raises(RuntimeError, match="^another$"):
        study(model, config, tmp_path / "study")


def test_doses_go_together_where_none_can_spare_another():
    found = list(waves([(n, scale) for n in (1, 2, 4) for scale in (0.0, -1.0)] + [(1, 2.0)]))
    assert found == [[(1, 0.0), (1, 2.0)], [(1, -1.0), (2, 0.0)], [(2, -1.0), (4, 0.0)], [(4, -1.0)]]
