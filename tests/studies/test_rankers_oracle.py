"""Rankers measured by likelihoods beside edits grown by what they do, on a tiny model with a planted head."""

from dataclasses import replace

import causal_task
import numpy as np
import pytest
import tiny_study

import headpursuit as hp
from headpursuit.analysis import RankConfig
from headpursuit.heads import Edit, Head
from headpursuit.models import log_probabilities
from headpursuit.records import from_record, to_record
from headpursuit.report import render
from headpursuit.storage import read_json
from headpursuit.studies import StudyConfig
from headpursuit.studies.causal.measuring import probabilities
from headpursuit.studies.experiments.rankers import RankersConfig, RankersResult, compare_rankers
from headpursuit.studies.figures.statistics import resampled_means, widened
from headpursuit.studies.results import Grown

pytestmark = pytest.mark.usefixtures("blank_pictures")

STUDY = StudyConfig("tiny", "tiny", max_new_tokens=tiny_study.N_NEW, damage=0.5)


def config_of(**changes):
    usual = RankersConfig(
        ("tiny",),
        "tiny",
        rankers=("gradient-answer", "weights-svd", "random"),
        heads=("1", "2", "6"),
        scales=(-1.0, 0.0),
        draws=2,
        shortlists=("gradient-answer",),
        ranking=RankConfig(n_draws=3),
    )
    return replace(usual, **changes)


def compared(path, config=None, task=None, **options):
    config = config or config_of()
    task = config.prepared(task or causal_task.task_of())
    return compare_rankers(causal_task.model_of(), config, path, tasks=[task], studies=[STUDY], **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("oracle") / "rankers"
    return compared(folder), folder


def measured_on(questions):
    """Probabilities of the target and the unrelated ones among some questions."""
    questions = tuple(questions)
    groups = [[q for q in questions if q.group == group] for group in ("target", "unrelated")]
    return probabilities(causal_task.model_of(), config_of().prepared(causal_task.task_of()), *groups, STUDY)


@pytest.fixture(scope="module")
def heldout():
    return measured_on(config_of().prepared(causal_task.task_of()).heldout)


@pytest.fixture(scope="module")
def choosing():
    return measured_on(q for q in config_of().prepared(causal_task.task_of()).questions if q.split == "ranking")


def test_the_screens_rank_heads_by_what_each_does_alone_to_questions_that_choose(finished, choosing):
    rows = {row.ranker: row for row in finished[0].tasks[0].rows}
    assert list(rows) == ["specificity", "gradient-answer", "weights-svd", "random", "screen", "screen-effect"]
    heads = causal_task.model_of().anatomy.heads
    effects = {head: choosing.effect(Edit({head: -1.0})) for head in heads}
    beyond = {head: effects[head] - max(choosing.damage(Edit({head: -1.0})).loss, 0.0) for head in heads}
    assert rows["screen-effect"].top[:2] == tuple(map(str, sorted(heads, key=lambda head: -effects[head])[:2]))
    assert rows["screen"].top[:2] == tuple(map(str, sorted(heads, key=lambda head: -beyond[head])[:2]))
    assert rows["screen"].top[:2] != rows["screen-effect"].top[:2]


def test_the_ceiling_was_not_chosen_on_the_questions_that_measure_it(finished, heldout, choosing):
    """What is grown and what is measured, computed again from the model."""
    result, folder = finished
    (found,) = result.tasks
    grown = from_record(Grown, read_json(folder / "tiny" / "grown.json"))
    assert (found.n_target, found.n_unrelated) == tuple(len(each.questions) for each in heldout.followed)
    measured, effects = heldout, {}
    for finalist in grown.finalists:
        assert finalist.promised == pytest.approx(choosing.effect(finalist.edit))
        lost = 1 - measured.read(finalist.edit).unrelated.right.mean() / measured.base.unrelated.right.mean()
        if lost <= 0.5 and measured.damage(finalist.edit).strain <= 1:
            effects[finalist.edit] = measured.effect(finalist.edit)
    best = max(effects, key=effects.get)
    assert found.ceiling.edit == best
    assert found.ceiling.effect.value == pytest.approx(effects[best])
    assert (found.ceiling.n_among, found.ceiling.n_tried) == (12, len(grown.finalists))
    assert found.ceiling.n_broken == len(grown.finalists) - len(effects)


def test_every_set_of_heads_is_measured_by_the_lead_of_right_answers(finished, heldout):
    (found,) = finished[0].tasks
    model, task, measured = causal_task.model_of(), causal_task.task_of(), heldout
    assert found.counted == "the right answers, teacher-forced"
    assert found.base.value == pytest.approx(measured.base.target.right.mean())
    broken = 0
    for cell in found.cells:
        edit = Edit.uniform(map(Head.parse, cell.heads), cell.scale)
        read = measured.read(edit)
        effect = 1 - read.target.right.mean() / measured.base.target.right.mean()
        assert cell.target == pytest.approx(read.target.right.mean())
        assert cell.effect == pytest.approx(max(effect, 0.0), abs=1e-9)
        if effect <= 0:
            assert (cell.unrelated, cell.signs, cell.perplexity_ratio) == (None, (), 1)
            continue
        lost = 1 - read.unrelated.right.mean() / measured.base.unrelated.right.mean()
        if lost > 0.5:
            assert (cell.unrelated, cell.perplexity_ratio) == (pytest.approx(read.unrelated.right.mean()), 1)
            assert cell.signs[0].startswith("unrelated questions lose")
            broken += 1
            continue
        losses = [0.0, 0.0]
        for i, each in enumerate((Edit({}), edit)):
            with hp.rescale(model, each):
                read_texts = [found for text in task.neutral_texts for found in log_probabilities(model, [text])]
            losses[i] = np.mean([-float(p.gather(1, ids[:, None]).mean()) for p, ids in read_texts])
        assert cell.perplexity_ratio == pytest.approx(np.exp(losses[1] - losses[0]), rel=1e-4)
        assert bool(cell.signs) == (cell.perplexity_ratio > 2)
        broken += bool(cell.signs)
    assert 0 < broken < len(found.cells)


def test_shares_precision_and_passes(finished):
    result = finished[0]
    (found,) = result.tasks
    rows = {row.ranker: row for row in found.rows}
    for row in rows.values():
        most = max(figure.effect.value for figure in row.figures)
        assert row.share == pytest.approx(most / found.ceiling.effect.value)
        assert result.shares[row.ranker] == row.share
    assert rows["screen"].precision == 1 > rows["weights-svd"].precision
    assert {round(4 * row.precision, 6) % 1 for row in rows.values() if row.ranker != "random"} == {0}  # of 4 heads
    assert [rows[n].passes for n in ("specificity", "gradient-answer", "weights-svd", "random")] == [1, 3, 0, 0]
    assert rows["screen"].passes < found.ceiling.passes
    (shortlist,) = found.shortlists
    assert (shortlist.among, shortlist.n_among) == ("gradient-answer", 1)
    assert set(map(str, shortlist.edit or ())) <= {rows["gradient-answer"].top[0]}
    assert shortlist.passes < found.ceiling.passes
    assert any(text.startswith("The ceiling is ") for text in found.sentences)


def test_the_interval_is_that_of_resampled_facts(finished, heldout):
    (found,) = finished[0].tasks
    rows = np.stack([heldout.base.target.right, heldout.read(found.ceiling.edit).target.right])
    means = resampled_means(rows, heldout.followed[0].facts, 0)
    expected = widened(found.ceiling.effect.value, 1 - means[:, 1] / means[:, 0], len(rows[0]))
    assert (found.ceiling.effect.low, found.ceiling.effect.high) == pytest.approx((expected.low, expected.high))


def test_it_comes_back_equal_goes_on_and_has_a_page(finished, tmp_path, monkeypatch):
    result, folder = finished
    assert RankersResult.load(folder) == result
    page = render(folder).read_text()
    assert "The ceiling is" in page and "the best of gradient-answer" in page and "of the ceiling" in page
    monkeypatch.setattr("headpursuit.studies.experiments.rankers.comparison.by_probabilities", None)
    with pytest.raises(TypeError):
        compared(tmp_path / "rankers")
    monkeypatch.undo()
    monkeypatch.setattr("headpursuit.studies.causal.growing.causal_pursuit", None)  # grown before
    again = compared(tmp_path / "rankers", resume=True)
    assert replace(again, seconds={}) == replace(result, seconds={})


def test_too_few_facts_leave_the_oracle_out_and_say_why(tmp_path):
    task = causal_task.task_of()
    kept = [
        q for q in task.questions if q.group == "target" or q.split == "heldout" or q.fact in ("fact 24", "fact 26")
    ]
    found = compared(tmp_path / "out", config_of(shortlists=()), replace(task, questions=tuple(kept))).tasks[0]
    assert "unrelated facts to choose heads by, and at least 8 are needed" in found.left_out["screen"]
    assert found.ceiling is None
    assert all(row.share is None and row.precision is None for row in found.rows)


def test_tasks_without_right_answers_are_measured_by_what_is_said(tmp_path):
    task = causal_task.task_of(metric="concept-words")
    bare = tuple(replace(q, answers=()) if q.group == "target" else q for q in task.questions)
    words = hp.Concept("said", tuple(dict.fromkeys(q.answers[0] for q in task.questions)))
    config = config_of(oracle=False, shortlists=(), rankers=("random",), heads=("1",), scales=(-1.0,))
    found = compared(tmp_path / "out", config, replace(task, questions=bare, concept=words)).tasks[0]
    assert "teacher-forced" not in found.counted
    assert (tmp_path / "out" / "tiny" / "arms").is_dir()


def test_without_other_questions_damage_cannot_be_measured_by_likelihoods(tmp_path):
    task = causal_task.task_of()
    alone = tuple(q for q in task.questions if q.group == "target")
    with pytest.raises(ValueError, match="tiny has no unrelated questions held out; measure by answers"):
        compared(tmp_path / "out", config_of(oracle=False, shortlists=()), replace(task, questions=alone))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"shortlists": ("alignment",)}, "alignment is to shortlist heads, and is not among the rankers"),
        ({"oracle": False}, "edits among a shortlist are compared with the oracle's"),
    ],
)
def test_shortlists_that_cannot_be_are_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        config_of(**changes)


def test_older_files_measured_answers_alone():
    old = {
        name: value
        for name, value in to_record(config_of()).items()
        if name not in ("generate", "oracle", "shortlists")
    }
    assert from_record(RankersConfig, old) == config_of(generate=True, oracle=False, shortlists=())
