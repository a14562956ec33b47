"""The dose sheet on a tiny model, whose own answers are the accepted ones."""

import json
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
import tiny

from headpursuit.analysis import RankConfig
from headpursuit.models import answer
from headpursuit.studies import StudyConfig, StudyResult, study
from headpursuit.studies import arms as running
from headpursuit.studies.sweep import sweep_questions
from headpursuit.studies.tasks import Question, Task

SCALES = (-20.0, 0.0)
CELLS = ["1x-20", "1x0", "2x-20", "2x0", "3x-20", "3x0"]


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
            "ranking" if i < 6 else "heldout",
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
        scales="-20,0",
        sweep_questions=4,
        also="1,4",
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
        begun.append((name, tuple(self._prompts)))
        return run(self, name, kind, edit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.ArmRunner, "run", noted)
        yield begun


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
    assert len(drawn) == 3
    assert {name.removesuffix("-matched") for name in drawn} <= set(CELLS)
    selection = tuple(q.prompt for q in sweep_questions(sweeping, config))
    heldout = tuple(q.prompt for q in sweeping.heldout)
    assert not set(selection) & set(heldout)
    assert {asked for _, asked in begun[: names.index("base", 1)]} == {selection}
    assert {asked for _, asked in begun[names.index("base", 1) :]} == {heldout}
    assert StudyResult.load(folder) == result


def test_the_chosen_dose_is_that_of_the_arms(finished):
    result, folder, _, _ = finished
    sheet = result.sheet
    assert [(cell.n_heads, cell.scale) for cell in sheet.cells] == [(n, s) for n in (1, 2, 3) for s in SCALES]
    assert (len(result.edit.heads), result.edit.scale) == (sheet.n_heads, sheet.scale) == (result.heads, result.scale)
    assert {arm.scale for arm in result.arms[1:]} == {sheet.scale}
    assert sheet.chosen.arm.heads == result.edit.heads
    assert sum(cell.matched is not None for cell in sheet.cells) == 3
    assert sheet.base.target.score.value == 1
    assert sheet.base.target.n_questions == sheet.base.unrelated.n_questions == 4
    assert "--sweep --sweep-questions 4 --doses 1,2,3 --scales -20,0 --also 1,4" in result.command
    assert json.loads((folder / "config.json").read_text())["heads"] == "1%"


def test_other_doses_are_arms_with_a_draw_beside_them(model, task, config, tmp_path):
    config = replace(config, sweep=False, heads="2", scale=-20.0)
    result = study(model, config, tmp_path / "study", task=task)
    names = [arm.name for arm in result.arms]
    assert names[:6] == ["base", "edit", "edit-1", "edit-1-matched", "edit-4", "edit-4-matched"]
    assert [len(arm.heads) for arm in result.arms[2:6]] == [1, 1, 4, 4]
    best = [str(head) for head in result.ranking.top(4)]
    assert result.arms[4].heads == tuple(sorted(best))
    assert not set(result.arms[5].heads) & set(best)
    assert result.sheet is None
    assert result.examples[0].answers.keys() == set(names)


def test_an_interrupted_sheet_goes_on_where_it_stopped(finished, model, task, config, tmp_path, monkeypatch):
    begun, run = [], running.ArmRunner.run
    with monkeypatch.context() as patch:

        def break_at_the_fourth(self, name, kind, edit):
            begun.append(name)
            if len(begun) == 4:
                raise KeyboardInterrupt
            return run(self, name, kind, edit)

        patch.setattr(running.ArmRunner, "run", break_at_the_fourth)
        with pytest.raises(KeyboardInterrupt):
            study(model, config, tmp_path / "study", task=task)
    assert sorted(p.stem for p in (tmp_path / "study" / "sweep").iterdir()) == ["1x-20", "1x0", "base"]
    with noting() as again:
        result = study(model, config, tmp_path / "study", task=task, resume=True)
    assert again[0][0] == "2x-20"
    assert result == finished[0]


def test_without_unrelated_selection_every_other_fact_is_taken_from_the_held_out_ones(task):
    sweeping = task.split_for(sweep=True)
    taken = [q.fact for q in sweeping.selection if q.group == "unrelated"]
    assert taken == ["fact 16", "fact 18", "fact 20", "fact 22"]
    assert [q.fact for q in sweeping.heldout if q.group == "unrelated"] == ["fact 17", "fact 19", "fact 21", "fact 23"]
    assert sweeping.split_for(sweep=True) == sweeping
    assert [q for q in sweeping.questions if q.group == "target"] == [q for q in task.questions if q.group == "target"]


def test_the_seed_draws_the_questions_of_the_sheet(task, config):
    drawn = sweep_questions(task.split_for(sweep=True), config)
    assert [q.group for q in drawn].count("target") == [q.group for q in drawn].count("unrelated") == 4
    assert drawn == sweep_questions(task.split_for(sweep=True), config)
    assert any(sweep_questions(task.split_for(sweep=True), replace(config, seed=s)) != drawn for s in (1, 2, 3))


def test_doses_that_leave_no_random_heads_in_a_layer_are_left_out_and_named(model, task, config, tmp_path, monkeypatch):
    sweeping = sys.modules["headpursuit.studies.sweep"]
    drawn = sweeping.matched_draw
    monkeypatch.setattr(sweeping, "matched_draw", lambda edit, *rest: None if len(edit) == 3 else drawn(edit, *rest))
    result = study(model, config, tmp_path / "study", task=task)
    assert {cell.n_heads for cell in result.sheet.cells} == {1, 2}
    assert result.remarks == (
        "Doses of 3 heads were left out: they take so many of one layer that no random heads of it are left to compare "
        "with.",
    )
    monkeypatch.setattr(sweeping, "matched_draw", lambda *_: None)
    with pytest.raises(ValueError, match="no dose of 1, 2, 3 heads leaves enough other heads in its layers"):
        study(model, config, tmp_path / "none", task=task)


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
    assert sum(map(sum, base.counts)) == 10
    right = sum(row[i] for i, row in enumerate(result.edit.confusion.counts))
    assert result.edit.target.score.value == pytest.approx(right / 10)
    assert [e.label for e in result.examples[:10]] == [q.label for q in task.heldout[:10]]
