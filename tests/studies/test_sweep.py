"""The dose sheet on a tiny model, whose own answers are the accepted ones."""

import json
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
import tiny

from headpursuit.analysis import Capture, RankConfig
from headpursuit.models import answer
from headpursuit.studies import StudyConfig, StudyResult, study
from headpursuit.studies.judging.doses import at_least, fell_apart
from headpursuit.studies.measures import AnswerMeasure, answer_measure
from headpursuit.studies.results import DoseWord
from headpursuit.studies.steps import arms as running
from headpursuit.studies.steps.sweep import MOST_DRAWN, sweep_questions
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.scoring import METRICS

SCALES = (0.8, 0.9)
CELLS = ["1x0.9", "1x0.8", "2x0.9", "3x0.9", "2x0.8", "3x0.8"]
"""Small edits are measured first: heads by how far each is moved."""


def prompt(number):
    return tiny.text_of([5 + number, 40 + 7 * number, 100 + 3 * number])


@pytest.fixture(scope="module")
def model():
    return tiny.word_model()


@pytest.fixture(scope="module")
def task(model, tmp_path_factory):
    """Classes whose word is what the unedited model says first; all unrelated questions are held out."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "colours.txt").write_text("w20\nw61\nw133\n")
    (folder / "shapes.txt").write_text("w21\nw62\nw134\n")
    prompts = [prompt(i) for i in range(24)]
    first = [text.split()[0] for text in answer(model, prompts, max_new_tokens=4)]
    classes = {word: (word,) for word in sorted(set(first))}
    questions = [
        Question(
            text,
            (word,),
            "unrelated" if i >= 16 else "target",
            "subject",
            f"fact {i}",
            "ranking" if i < 8 else "heldout",
            "" if i >= 16 else word,
        )
        for i, (text, word) in enumerate(zip(prompts, first, strict=True))
    ]
    return Task("tiny", str(folder / "colours.txt"), tuple(questions), ("w11 w12 w13 w14", "w90 w91 w92"), classes)


@pytest.fixture(scope="module")
def config(task):
    return StudyConfig(
        "tiny",
        "tiny",
        sweep=True,
        doses="1,2,3",
        scales="0.8,0.9",
        sweep_questions=3,
        also="1,3",
        controls=2,
        other_concept=task.concept.replace("colours", "shapes"),
        ranking=RankConfig(n_draws=4),
        max_new_tokens=4,
    )


@contextmanager
def noting():
    """What arms are run and what each is asked, in order."""
    begun, run = [], running.ArmRunner.run

    def noted(self, name, kind, edit):
        begun.append((name, tuple(q.prompt for q in self._questions)))
        return run(self, name, kind, edit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.ArmRunner, "run", noted)
        yield begun


@contextmanager
def breaking_at(arm):
    """Run arms until one is reached."""
    run = running.ArmRunner.run

    def run_or_break(self, name, kind, edit):
        if name == arm:
            raise KeyboardInterrupt
        return run(self, name, kind, edit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.ArmRunner, "run", run_or_break)
        yield


@pytest.fixture(scope="module")
def finished(model, task, config, tmp_path_factory):
    """A study with a sheet: its result, its folder, the arms that were run, and what progress told."""
    folder, told = tmp_path_factory.mktemp("finished") / "study", []
    with noting() as begun:
        result = study(model, config, folder, task=task, progress=lambda *stage: told.append(stage))
    return result, folder, begun, told


def test_the_sheet_is_measured_on_selection_questions_and_the_arms_on_held_out_ones(finished, task, config):
    result, folder, begun, _ = finished
    sweeping = task.split_for(sweep=True)
    names = [name for name, _ in begun]
    assert names[: 1 + len(CELLS)] == ["base", *CELLS]
    drawn = names[1 + len(CELLS) : names.index("base", 1)]
    assert len(drawn) == MOST_DRAWN
    assert {name.removesuffix("-matched") for name in drawn} <= set(CELLS)
    selection = tuple(q.prompt for q in sweep_questions(sweeping, config))
    heldout = tuple(q.prompt for q in sweeping.heldout)
    assert not set(selection) & set(heldout)
    assert not set(sweeping.ranking_prompts) & {*selection, *heldout}
    assert Capture.load(folder / "capture").n_prompts == len(sweeping.ranking_prompts) == 4
    assert {asked for _, asked in begun[: names.index("base", 1)]} == {selection}
    assert {asked for _, asked in begun[names.index("base", 1) :]} == {heldout}
    assert StudyResult.load(folder) == result


def test_the_chosen_dose_is_that_of_the_arms(finished):
    result, folder, _, _ = finished
    sheet = result.sheet
    assert [(cell.n_heads, cell.scale) for cell in sheet.cells] == [(n, s) for n in (1, 2, 3) for s in SCALES]
    assert sheet.not_run == ()
    assert (len(result.edit.heads), result.edit.scale) == (sheet.n_heads, sheet.scale)
    assert set(result.rescaled.values()) == {sheet.scale} and len(result.rescaled) == sheet.n_heads
    assert {arm.scale for arm in result.arms[1:]} == {sheet.scale}
    assert sheet.chosen.arm.heads == result.edit.heads
    assert sum(cell.matched is not None for cell in sheet.cells) == 3
    assert sheet.base.target.score.value == 1
    assert sheet.base.target.n_questions == sheet.base.unrelated.n_questions == 3
    assert "--sweep --sweep-questions 3 --doses 1,2,3 --scales 0.8,0.9 --also 1,3" in result.command
    assert json.loads((folder / "config.json").read_text())["heads"] == "1%"


def test_other_doses_are_arms_with_a_draw_beside_them(model, task, config, tmp_path):
    config = replace(config, sweep=False, heads="2", scale=-20.0)
    result = study(model, config, tmp_path / "study", task=task)
    names = [arm.name for arm in result.arms]
    assert names[:6] == ["base", "edit", "edit-1", "edit-1-matched", "edit-3", "edit-3-matched"]
    assert [len(arm.heads) for arm in result.arms[2:6]] == [1, 1, 3, 3]
    best = [str(head) for head in result.ranking.top(3)]
    assert result.arms[4].heads == tuple(sorted(best))
    assert not set(result.arms[5].heads) & set(best)
    assert result.sheet is None
    assert result.examples[0].answers.keys() == set(names)


def test_an_interrupted_sheet_goes_on_where_it_stopped(finished, model, task, config, tmp_path):
    with breaking_at("2x0.9"), pytest.raises(KeyboardInterrupt):
        study(model, config, tmp_path / "study", task=task)
    assert sorted(p.stem for p in (tmp_path / "study" / "sweep").iterdir()) == ["1x0.8", "1x0.9", "base"]
    with noting() as again:
        result = study(model, config, tmp_path / "study", task=task, resume=True)
    assert again[0][0] == "2x0.9"
    assert result == finished[0]


def facts(task, split, group):
    return [int(q.fact.split()[1]) for q in task.questions if (q.split, q.group) == (split, group)]


def test_every_other_ranking_fact_chooses_the_dose_and_so_does_every_other_unrelated_one(task):
    sweeping = task.split_for(sweep=True)
    assert facts(sweeping, "ranking", "target") == [0, 2, 4, 6]
    assert facts(sweeping, "selection", "target") == [1, 3, 5, 7]
    assert facts(sweeping, "heldout", "target") == facts(task, "heldout", "target") == list(range(8, 16))
    assert facts(sweeping, "selection", "unrelated") == [17, 19, 21, 23]
    assert facts(sweeping, "heldout", "unrelated") == [16, 18, 20, 22]
    assert sweeping.split_for(sweep=True) == sweeping
    assert [replace(q, split="heldout") for q in sweeping.questions] == [
        replace(q, split="heldout") for q in task.questions
    ]


def test_what_grows_an_edit_neither_chooses_nor_judges(task):
    growing = task.split_for(sweep=True, grow=True)
    assert facts(growing, "ranking", "unrelated") == [19, 23]
    assert facts(growing, "selection", "unrelated") == [17, 21]
    assert facts(growing, "heldout", "unrelated") == [16, 18, 20, 22]
    sweeping = task.split_for(sweep=True)
    assert [q for q in growing.questions if q.group == "target"] == [
        q for q in sweeping.questions if q.group == "target"
    ]
    assert growing.split_for(sweep=True, grow=True) == sweeping.split_for(sweep=True, grow=True) == growing


def test_unrelated_questions_that_are_divided_stay_so(task):
    ranking, selection = "fact 17", "fact 18"
    own = replace(
        task,
        questions=tuple(
            replace(q, split={ranking: "ranking", selection: "selection"}.get(q.fact, q.split)) for q in task.questions
        ),
    )
    for grow in (False, True):
        split = own.split_for(sweep=True, grow=grow)
        assert facts(split, "ranking", "unrelated") == [17]
        assert facts(split, "selection", "unrelated") == [18]


def test_all_phrasings_of_a_fact_go_one_way(task):
    twice = replace(task, questions=tuple(replace(q, fact=f"fact {i // 2}") for i, q in enumerate(task.questions)))
    sweeping = twice.split_for(sweep=True)
    assert facts(sweeping, "ranking", "target") == [0, 0, 2, 2]
    assert facts(sweeping, "selection", "target") == [1, 1, 3, 3]


def test_without_a_sheet_all_selection_questions_rank_heads(task):
    assert task.split_for(sweep=False) == task
    assert task.split_for(sweep=True).split_for(sweep=False).ranking_prompts == task.ranking_prompts


def test_selection_questions_of_a_task_are_left_as_they_are(task):
    own = replace(
        task,
        questions=tuple(replace(q, split="selection") if i in (2, 18) else q for i, q in enumerate(task.questions)),
    )
    assert own.split_for(sweep=True) == own


def test_a_single_fact_cannot_both_rank_heads_and_choose_the_dose(task):
    one = replace(task, questions=tuple(q for q in task.questions if q.split == "heldout" or q.fact == "fact 0"))
    with pytest.raises(ValueError, match="tiny has ranking prompts about a single fact; a dose sheet needs at least"):
        one.split_for(sweep=True)


@pytest.fixture(scope="module")
def brief(config):
    """Fewer arms behind the same sheet."""
    return replace(config, also=(), controls=1)


@pytest.fixture(scope="module")
def apart(model, task, brief, tmp_path_factory):
    """A study of scales that leave the model in pieces: result, folder, the arms that were run, what progress told."""
    folder, told = tmp_path_factory.mktemp("apart") / "study", []
    with noting() as begun:
        result = study(
            model, replace(brief, scales="-20,0,0.8"), folder, task=task, progress=lambda *stage: told.append(stage)
        )
    return result, folder, [name for name, _ in begun], told


def test_doses_at_least_as_large_as_one_that_the_model_fell_apart_at_are_not_run(apart):
    result, folder, begun, _ = apart
    sheet = result.sheet
    broken = [
        cell.dose for cell in sheet.cells if fell_apart(AnswerMeasure(METRICS[result.metric]), sheet.base, cell.arm)
    ]
    assert broken
    every = [(count, scale) for count in (1, 2, 3) for scale in (-20.0, 0.0, 0.8)]
    harder = [dose for dose in every if any(at_least(dose, worse) and dose != worse for worse in broken)]
    assert list(sheet.not_run) == harder
    assert [cell.dose for cell in sheet.cells] == [dose for dose in every if dose not in harder]
    assert not {f"{count}x{scale:g}" for count, scale in harder} & {*begun, *(f.stem for f in folder.rglob("*.json"))}
    assert sheet.counts == (1, 2, 3)
    remark, another = result.remarks  # no number of heads was left out for want of controls
    assert another.startswith("These heads were chosen by what they write.")
    base, edit = result.arms[0].target.score.value, result.edit.target.score.value
    assert f"on the held-out ones, which share no fact with them, it is {1 - edit / base:.0%}" in remark
    assert f"an effect of {sheet.chosen.effect:.0%} on the selection questions" in remark
    assert ("less than the 50% that was asked for." in remark) == (1 - edit / base < 0.5)
    assert StudyResult.load(folder) == result


def test_doses_that_were_not_run_are_not_run_when_a_sheet_goes_on(apart, model, task, brief, tmp_path):
    whole, _, begun, _ = apart
    last = [name for name in begun[: begun.index("base", 1)] if name.endswith("-matched")][0]
    config = replace(brief, scales="-20,0,0.8")
    with breaking_at(last), pytest.raises(KeyboardInterrupt):
        study(model, config, tmp_path / "study", task=task)
    with noting() as again:
        result = study(model, config, tmp_path / "study", task=task, resume=True)
    assert [name for name, _ in again] == begun[begun.index(last) :]
    assert result == whole


def test_progress_counts_doses_that_are_not_run(apart):
    result, _, _, told = apart
    sheet = [(done, total) for stage, done, total in told if stage == "dose sheet"]
    assert sheet[-1] == (13, 13)
    assert result.sheet.not_run


def test_a_dose_whose_effect_random_heads_share_is_not_taken_for_specific(model, task, brief, tmp_path, monkeypatch):
    """The draw beside each dose is the dose itself."""
    drawn = {}

    def the_same(edit, *_):
        drawn[len(edit)] = edit
        return edit

    monkeypatch.setattr(sys.modules["headpursuit.studies.steps.sweep"], "matched_draw", the_same)
    config = replace(brief, doses="1", scales="-20", effect=0.01, damage=0.99)
    monkeypatch.setattr(sys.modules["headpursuit.studies.steps.sweep"], "answer_measure", tolerant)
    sheet = study(model, config, tmp_path / "study", task=task).sheet
    assert drawn
    assert sheet.chosen.effect > 0.01
    assert sheet.chosen.matched == sheet.chosen.arm.target.score.value
    assert (sheet.chosen.word, sheet.chosen.signs) == (
        "not specific",
        ("random heads of the same layers reach 100% of the effect",),
    )
    assert sheet.sentence.startswith("No dose reaches 1% that random heads do not share; of 1 head at scale -20,")


def tolerant(task, config):
    """As asked, and whatever breaks is tolerated."""
    measure = answer_measure(task, config)
    lines = replace(measure.thresholds, unrelated_loss=9.0, perplexity_ratio=1e9, empty_rise=9.0, repetition_rise=9.0)
    return measure.within(lines)


def test_the_seed_draws_the_questions_of_the_sheet(task, config):
    drawn = sweep_questions(task.split_for(sweep=True), config)
    assert [q.group for q in drawn].count("target") == [q.group for q in drawn].count("unrelated") == 3
    assert drawn == sweep_questions(task.split_for(sweep=True), config)
    assert any(sweep_questions(task.split_for(sweep=True), replace(config, seed=s)) != drawn for s in (1, 2, 3))


def test_the_recommended_dose_always_stands_beside_random_heads(model, task, brief, tmp_path, monkeypatch):
    sweeping, seen = sys.modules["headpursuit.studies.steps.sweep"], []

    def beside(measure, base, cell, control):
        seen.append(cell.dose)
        word = DoseWord.NOT_SPECIFIC if len(seen) <= 4 else cell.word
        return replace(cell, matched=0.5, word=word, signs=("alike",) if len(seen) <= 4 else cell.signs)

    monkeypatch.setattr(sweeping, "beside_random", beside)
    sheet = study(model, brief, tmp_path / "study", task=task).sheet
    assert len(seen) > MOST_DRAWN
    assert len(set(seen)) == len(seen)
    assert sheet.chosen.matched == 0.5
    assert sheet.chosen.word != "not specific"


def test_doses_that_leave_no_random_heads_in_a_layer_are_left_out_and_named(model, task, brief, tmp_path, monkeypatch):
    sweeping = sys.modules["headpursuit.studies.steps.sweep"]
    drawn = sweeping.matched_draw
    monkeypatch.setattr(sweeping, "matched_draw", lambda edit, *rest: None if len(edit) == 3 else drawn(edit, *rest))
    result = study(model, brief, tmp_path / "study", task=task)
    assert {cell.n_heads for cell in result.sheet.cells} == {1, 2}
    assert result.remarks[1].startswith("These heads were chosen by what they write.")
    assert result.remarks[2:] == (
        "Doses of 3 heads were left out: they take so many of one layer that no random heads of it are left to compare "
        "with.",
    )
    monkeypatch.setattr(sweeping, "matched_draw", lambda *_: None)
    with pytest.raises(ValueError, match="no dose of 1, 2, 3 heads leaves enough other heads in its layers"):
        study(model, brief, tmp_path / "none", task=task)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"doses": "1,7"}, "7 of 12 heads leave too few for random controls"),
        ({"also": "13"}, "13 heads were asked for, but there are 12"),
    ],
)
def test_doses_that_the_model_cannot_take_are_refused_before_anything_is_written(
    model, task, config, tmp_path, changes, reason
):
    with pytest.raises(ValueError, match=reason):
        study(model, replace(config, **changes), tmp_path / "study", task=task)
    assert list(tmp_path.iterdir()) == []


def test_progress_tells_of_the_sheet(finished):
    sheet = [(done, total) for stage, done, total in finished[3] if stage == "dose sheet"]
    assert sheet[0] == (0, 10)
    assert sheet[-1] == (10, 10)


def test_a_classification_counts_the_first_class(finished, task):
    result = finished[0]
    assert result.classes == {label: tuple(words) for label, words in task.classes.items()}
    base = result.arms[0].confusion
    assert all(sum(row) == row[i] for i, row in enumerate(base.counts))
    assert sum(map(sum, base.counts)) == 8
    right = sum(row[i] for i, row in enumerate(result.edit.confusion.counts))
    assert result.edit.target.score.value == pytest.approx(right / 8)
    assert [e.label for e in result.examples[:8]] == [q.label for q in task.heldout[:8]]
