"""Heads chosen by what they do: what is followed, what is measured, and the edit that is taken."""

from dataclasses import replace

import causal_task
import numpy as np
import pytest
import tiny
import tiny_study
import torch

import headpursuit as hp
from headpursuit.analysis import SavedEdit
from headpursuit.heads import Edit, Head
from headpursuit.pursuit.causal import Pursued
from headpursuit.storage import read_json, write_json
from headpursuit.studies.causal import following, growing
from headpursuit.studies.causal.choosing import grow
from headpursuit.studies.causal.following import check_following, follow
from headpursuit.studies.causal.growing import most_heads
from headpursuit.studies.causal.measuring import NOISE, probabilities
from headpursuit.studies.causal.screening import choosing_questions, screen_heads
from headpursuit.studies.kernel.progress import silent
from headpursuit.studies.measures import answer_measure
from headpursuit.studies.results import Finalist, Grown
from headpursuit.studies.steps.arms import ArmRunner
from headpursuit.studies.steps.study_run import StudyRun
from headpursuit.studies.tasks import Question


@pytest.fixture(scope="module")
def model():
    return causal_task.model_of()


@pytest.fixture(scope="module")
def task():
    return causal_task.task_of(2).split_for(sweep=True)


@pytest.fixture
def config(tmp_path):
    tiny_study.declare_task(tmp_path)
    return tiny_study.tiny_config(tmp_path, scales=(0.0, -1.0, -20.0), batch_size=5)


@pytest.fixture
def measured(model, task, config):
    return probabilities(model, task, *choosing_questions(task, 80, 0), config)


@torch.no_grad()
def log_probability(model, prompt, answer, edit):
    """Of a whole answer, token by token, each by a pass of its own."""
    ids = model.tokenizer.encode(prompt, add_special_tokens=False)
    total, margins = 0.0, []
    for token in model.tokenizer.encode(answer, add_special_tokens=False):
        with hp.rescale(model, edit):
            likely = model.network(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
        others = likely.clone()
        others[token] = -torch.inf
        total += float(likely[token])
        margins.append(float(likely[token] - others.max()))
        ids.append(token)
    return total, min(margins)


@pytest.mark.parametrize("edit", [{}, {"L1H0": -1}, {"L0H2": 0, "L2H3": -20}])
def test_effects_are_those_of_plain_passes(model, task, measured, edit):
    target, unrelated = choosing_questions(task, 80, 0)
    reading, edit = measured.read(hp.Edit(edit)), hp.Edit(edit)
    for questions, found in ((target, reading.target), (unrelated, reading.unrelated)):
        plain = [log_probability(model, q.prompt, q.answers[0], edit) for q in questions]
        np.testing.assert_allclose(found.log_probability, [p for p, _ in plain], atol=1e-3)
        np.testing.assert_allclose(found.margin, [m for _, m in plain], atol=1e-3)
        np.testing.assert_allclose(found.right, [1 / (1 + np.exp(-m / NOISE)) for _, m in plain], atol=1e-3)
    right = reading.target.right.mean() / measured.base.target.right.mean()
    assert measured.effect(edit) == pytest.approx(1 - right, abs=1e-6)


def test_nothing_edited_does_nothing(measured):
    damage = measured.damage(Edit({}))
    assert measured.effect(Edit({})) == 0
    assert (damage.loss, damage.strain) == (0, 0)


def test_damage_is_the_upper_end_of_the_loss(measured):
    edit = hp.Edit({"L2H3": -20})
    lost = 1 - measured.read(edit).unrelated.right.mean() / measured.base.unrelated.right.mean()
    assert measured.damage(edit).loss > lost


def test_what_goes_on_from_an_edit_measures_the_same(measured):
    first, both = hp.Edit({"L1H0": -1}), hp.Edit({"L1H0": -1, "L2H3": 0})
    upon = measured.upon(first)
    assert upon.effect(both) == measured.effect(both)
    assert upon.damage(both) == measured.damage(both)


def test_the_likeliest_accepted_answer_is_followed(model, task, config):
    questions = [q for q in task.questions if q.group == "target"][:3]
    more = [replace(q, answers=("w250 w251", *q.answers)) for q in questions]
    assert follow(model, task, more, config).continuations == follow(model, task, questions, config).continuations


def test_late_answers_are_followed_where_they_come(model, config):
    late = replace(config, positions="generated")
    task = causal_task.task_of()
    prompts = [q.prompt for q in task.questions[:6]]
    said = [text.split() for text in hp.answer(model, prompts, max_new_tokens=config.max_new_tokens)]
    # The third word of what is said is right for four of them; the others are answered wrongly.
    questions = [
        replace(q, answers=(words[2] if i < 4 and words[2] not in words[:2] else "w299",))
        for i, (q, words) in enumerate(zip(task.questions, said, strict=False))
    ]
    found = follow(model, task, questions, late)
    assert 0 < len(found.questions) < len(questions)
    assert found.n_left_out == len(questions) - len(found.questions)
    for question, continuation in zip(found.questions, found.continuations, strict=True):
        words = said[prompts.index(question.prompt)]
        assert [model.tokenizer.decode([i]) for i in continuation.before] == words[:2]
        assert [model.tokenizer.decode(list(ids)) for ids in continuation.steps] == [words[2]]


def test_what_goes_on_to_be_another_answer_is_not_followed(config, monkeypatch):
    model = tiny.language_model(words=[" seven"])
    ids = [model.tokenizer.encode(text) for text in ("it is seventeen", "it is seven teen")]
    monkeypatch.setattr(following, "answer_ids", lambda *_, **__: ids)
    questions = [Question(p, ("seven",), "target", "s", p, "ranking") for p in ("w5", "w6")]
    found = follow(model, causal_task.task_of(), questions, replace(config, positions="generated"))
    assert [q.prompt for q in found.questions] == ["w6"]
    assert model.tokenizer.decode([ids[0] for ids in found.continuations[0].steps]).strip() == "seven"


def test_answers_without_a_token_are_left_out_and_counted(model, task, config):
    questions = [q for q in task.questions if q.group == "target"][:3]
    lost = replace(questions[1], answers=("zebra",))
    found = follow(model, task, [questions[0], lost, questions[2]], config)
    assert found == replace(follow(model, task, [questions[0], questions[2]], config), n_left_out=1)
    with pytest.raises(ValueError, match="no answer to 1 target questions begins with a token of the model"):
        follow(model, task, [lost], config)


def test_too_few_that_can_be_followed_are_refused(model, task, config):
    target, unrelated = choosing_questions(task, 80, 0)
    lost = [replace(target[0], answers=("zebra",)), *target[1:]]
    with pytest.raises(ValueError, match=r"7 target facts have a right answer to follow.* \(1 questions have none\)"):
        probabilities(model, task, lost, unrelated, config)
    wrong = [replace(q, answers=("w299 w298 w297 w296",)) for q in unrelated]
    with pytest.raises(ValueError, match="fewer than one of 10 unrelated questions rightly"):
        probabilities(model, task, target, wrong, config)
    with pytest.raises(ValueError, match="5 target facts"):
        choosing_questions(task, 5, 0)


def test_replays_stay_within_the_memory_and_measure_the_same(model, task, config, measured):
    questions, edit = choosing_questions(task, 80, 0), hp.Edit({"L2H3": -20})
    assert measured.kept.startswith("To replay passes, what leaves every layer was kept: ")
    kept = measured.target.n_bytes + measured.unrelated.n_bytes
    for memory in (2 * kept, 1):
        less = probabilities(model, task, *questions, config, memory=memory)
        assert less.target.n_bytes + less.unrelated.n_bytes <= memory / 2
        assert less.effect(edit) == measured.effect(edit)
        assert less.damage(edit) == measured.damage(edit)
    assert less.kept.startswith("Memory is too short to keep what leaves the layers")


def test_batches_are_no_larger_than_asked_for(measured, config):
    assert max(len(part.numbers) for part in measured.target._parts) == config.batch_size == 5


def test_damage_of_generated_tokens_is_seen_on_neutral_text(model, task, config, measured):
    generated = probabilities(model, task, *choosing_questions(task, 80, 0), replace(config, scope="generated"))
    edit = hp.Edit({"L2H3": -20})
    strain = generated.damage(Edit(edit, "generated")).strain
    assert strain == pytest.approx(measured.damage(edit).strain, rel=1e-4) and abs(strain) > 1e-3


def test_of_the_concepts_tokens_the_probability_counts(model, task, config):
    target, unrelated = choosing_questions(task, 80, 0)
    measured = probabilities(model, task, [replace(q, answers=()) for q in target], unrelated, config)
    edit = hp.Edit({"L2H3": -20})
    before, after = (np.exp(measured.read(e).target.log_probability).mean() for e in (Edit({}), edit))
    assert measured.effect(edit) == pytest.approx(1 - after / before)


@pytest.mark.parametrize("direction", ["suppress", "enhance"])
def test_growth_ends_where_nothing_is_left_to_do(begun, tmp_path, monkeypatch, direction):
    given = {}
    monkeypatch.setattr(growing, "causal_pursuit", lambda *args, **_: given.update(limits=args[2]) or NOTHING)
    run = begun(tmp_path, scales=(-1.0,) if direction == "suppress" else (1.5,))
    run = replace(run, task=replace(run.task, direction=direction))
    with pytest.raises(ValueError, match="no head of 12"):
        grown(run)
    measured = probabilities(run.model, run.task, *choosing_questions(run.task, 80, 0), run.config)
    right = measured.base.target.right.mean()
    assert given["limits"].enough == pytest.approx(0.98 if direction == "suppress" else 0.98 * (1 / right - 1))


NOTHING = Pursued((), (), 0, 0)


def test_no_late_answer_is_right(model, config):
    task = causal_task.task_of()
    wrong = [replace(q, answers=("w299",)) for q in task.questions[:4]]
    with pytest.raises(ValueError, match="answers none of 4 target questions rightly"):
        follow(model, task, wrong, replace(config, positions="generated"))


def test_without_answers_the_concepts_tokens_are_followed(model, config):
    task = causal_task.task_of()
    open_questions = [replace(q, answers=()) for q in task.questions[:4]]
    found = follow(model, task, open_questions, config)
    assert found.what == "the concept's tokens"
    assert {c.steps for c in found.continuations} == {((20, 61, 133),)}


def test_too_few_questions_are_refused_before_anything_runs(model, config):
    task = causal_task.task_of()
    few = [q for q in task.questions if q.group == "unrelated"] + list(task.questions[:3])
    with pytest.raises(ValueError, match="tiny has 3 target facts to choose heads by, and at least 8 are needed"):
        check_following(task, few, 8)
    with pytest.raises(ValueError, match="unrelated facts"):
        choosing_questions(replace(task, questions=task.questions[: causal_task.N_TARGET]), 80, 0)


def test_heads_are_screened_and_kept_site_by_site(model, measured, tmp_path):
    heads = frozenset(h for h in model.anatomy.heads if h.layer != 1)
    told = []

    def stop(stage, done, total):
        told.append((stage, done, total))
        if done == 1 and len(told) < 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        screen_heads(measured, model.anatomy.sites, heads, (-1.0, 0.0), "all", tmp_path / "heads", stop)
    assert [file.name for file in (tmp_path / "heads").iterdir()] == ["L0.json"]
    found = screen_heads(measured, model.anatomy.sites, heads, (-1.0, 0.0), "all", tmp_path / "heads", silent)
    fresh = screen_heads(measured, model.anatomy.sites, heads, (-1.0, 0.0), "all", tmp_path / "other", silent)
    assert found == fresh
    assert {(e.head, e.scale) for e in found} == {(h, s) for h in heads for s in (-1.0, 0.0)}
    for one in found:
        assert one.effect.value == pytest.approx(measured.effect(one.edit), abs=1e-9)
        assert one.effect.low <= one.effect.value <= one.effect.high
        assert one.strain == pytest.approx(measured.damage(one.edit).strain, abs=1e-5)


def test_a_screened_site_that_is_not_whole_is_refused(model, measured, tmp_path):
    heads = frozenset(h for h in model.anatomy.heads if h.layer == 0)

    def screened():
        return screen_heads(measured, model.anatomy.sites, heads, (-1.0, 0.0), "all", tmp_path / "heads", silent)

    screened()
    whole = read_json(tmp_path / "heads" / "L0.json")
    shorter = {"target": {"log_probability": [0.0], "margin": [0.0]}}
    for damaged in (
        {name: readings for name, readings in whole.items() if name != "L0H1"},
        whole | {"L0H1": {"0": whole["L0H1"]["0"]}},
        whole | {"L0H1": whole["L0H1"] | {"-1": whole["L0H1"]["-1"] | shorter}},
    ):
        write_json(tmp_path / "heads" / "L0.json", damaged)
        with pytest.raises(ValueError, match=r"L0\.json lacks L0H1 × -1( and 1 more)?; remove the file"):
            screened()


@pytest.fixture(scope="module")
def planted():
    return causal_task.task_of().split_for(sweep=True)


@pytest.fixture(scope="module")
def captured(model, planted):
    return hp.capture(model, planted.ranking_prompts)


@pytest.fixture(scope="module")
def ranking(model, planted, captured):
    return hp.rank(model, captured, planted.words, hp.RankConfig(n_draws=3))


@pytest.fixture
def begun(model, planted, config, captured, ranking):
    """A study that is begun in a folder: nothing is chosen yet."""

    def begin(folder, **changes):
        folder.mkdir(exist_ok=True)
        settings = replace(config, by="effect", heads="1%", scale=-1.0, **{"damage": 0.5, **changes})
        words, rankings = planted.words, (ranking, ranking)
        return StudyRun(model, planted, settings, silent, folder, words, words, {}, rankings, (), captured)

    return begin


def grown(run):
    return grow(run, answer_measure(run.task, run.config))


def test_the_planted_head_is_chosen_and_measured_by_answers(model, begun, tmp_path):
    run = begun(tmp_path)
    found = grown(run)
    assert Head(1, 2) in found.edit
    assert found.steps and found.n_screened == 12 and found.plain == ""
    assert 0 < len(found.edit) <= most_heads(12)
    assert all(one.arm is not None and one.effect is not None for one in found.finalists)
    sound = [one.effect for one in found.finalists if one.damage <= 1]
    assert found.taken.effect > 0.5 or not sound
    assert SavedEdit.load(tmp_path / "edit.json").edit == found.edit
    # The answers are those of the edit, on selection questions.
    task = run.task
    with hp.rescale(model, found.edit):
        answers = hp.answer(model, [q.prompt for q in task.selection], max_new_tokens=run.config.max_new_tokens)
    right = [q.answers[0] in a.split() for q, a in zip(task.selection, answers, strict=True) if q.group == "target"]
    assert found.taken.arm.target.score.value == pytest.approx(np.mean(right))


def interrupted_at_finalists(self, name, kind, edit, *, run=ArmRunner.run):
    if kind == "dose":
        raise KeyboardInterrupt
    return run(self, name, kind, edit)


def test_heads_are_tried_among_the_best_of_the_ranking(begun, tmp_path, ranking):
    try:
        found = grown(begun(tmp_path, among=4))
    except ValueError as error:
        assert "no head of 4 changes the target" in str(error)
    else:
        assert found.n_screened == 4
        assert set(found.edit) <= set(ranking.top(4))


def test_no_head_does_anything_within_the_damage(begun, tmp_path):
    with pytest.raises(ValueError, match="no head of 12 changes the target by 2% more than it loses"):
        grown(begun(tmp_path, damage=1e-9, scales=(0.999,)))


def _finalist(scale, effect, damage):
    return Finalist(Edit({Head(0, 0): scale}), 0.5, 0.0, 0.0, effect, damage)


@pytest.mark.parametrize(
    ("finalists", "chosen", "ties"),
    [
        ([(-2.0, 0.8, 0.5), (-1.0, 0.7, 0.1)], 0, ()),
        ([(-2.0, 0.8, 0.5), (-1.0, 0.79, 0.9)], 1, (0,)),  # of a tie the smaller edit
        ([(-2.0, 0.9, 1.2), (-1.0, 0.4, 0.9)], 1, ()),  # what breaks is passed over
        ([(-2.0, 0.9, 1.5), (-1.0, 0.4, 1.2)], 1, ()),  # all break: the least
    ],
)
def test_the_taken_finalist(finalists, chosen, ties):
    chosen_of = Grown("the right answers", 1, 1, 1, (), ())
    found = chosen_of.chosen_among(None, tuple(_finalist(*one) for one in finalists), 0.02, n_facts=10)
    assert (found.chosen, found.ties) == (chosen, ties)


def test_a_finalist_is_taken_by_the_facts_it_was_grown_on_too():
    few, many = _finalist(-2.0, 0.7, 0.5), replace(_finalist(-1.0, 0.5, 0.5), promised=0.9)
    grown_on = replace(Grown("the right answers", 1, 1, 1, (), ()), n_facts=30)
    assert grown_on.chosen_among(None, (few, many), 0.02, n_facts=10).chosen == 1
    assert grown_on.chosen_among(None, (few, many), 0.02, n_facts=300).chosen == 0


def test_random_heads_stand_for_heads_of_their_layers_with_their_scales(model):
    from headpursuit.studies.steps.arms import matched_draw

    edit = hp.Edit({"L0H1": -1, "L2H0": -2, "L2H3": 0})
    draw = matched_draw(edit, model.anatomy, 0)
    assert [h.layer for h in draw] == [0, 2, 2]
    assert [draw[h] for h in draw] == [-1, -2, 0]
    assert not set(draw) & set(edit)


def test_most_heads():
    assert [most_heads(n) for n in (12, 72, 270, 1024)] == [3, 3, 5, 20]


def test_what_was_screened_and_grown_is_not_measured_again(begun, tmp_path, monkeypatch):
    def once_more(folder=tmp_path):
        return begun(folder, scales=(-1.0,))

    run, told = once_more(), []

    def stop(stage, done, total):
        told.append((stage, done, total))
        if (stage, done) == ("screen", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grown(replace(run, progress=stop))
    kept = sorted(file.name for file in (tmp_path / "screen").iterdir())
    assert kept == ["L0.json", "L1.json"]
    before = [(tmp_path / "screen" / name).stat().st_mtime_ns for name in kept]
    with monkeypatch.context() as patch:
        patch.setattr(ArmRunner, "run", interrupted_at_finalists)
        with pytest.raises(KeyboardInterrupt):
            grown(once_more())
    assert before == [(tmp_path / "screen" / name).stat().st_mtime_ns for name in kept]
    with monkeypatch.context() as patch:
        patch.setattr(growing, "causal_pursuit", None)
        resumed = grown(once_more())
    assert resumed == grown(once_more(tmp_path / "anew"))
