"""What the lists' edits do to a task, on a tiny model whose own answers are the accepted ones."""

from dataclasses import replace

import planted_words
import pytest
import tiny
from planted_words import CONCEPT, PLANTED

from headpursuit.analysis import RankConfig
from headpursuit.concepts import Concept
from headpursuit.heads import Edit, Head
from headpursuit.models import answer, rescale
from headpursuit.studies.experiments.sensitivity import SensitivityConfig, SensitivityResult, study_sensitivity
from headpursuit.studies.steps import arms as running
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.metrics import contains

N_NEW = 3
CONFIG = SensitivityConfig(
    "planted",
    "cap",
    "tiny-planted",
    ranking=RankConfig(n_draws=4),
    fractions=(20.0, 50.0, 90.0),
    additions=(),
    repeats=3,
    task="tiny-qa",
    scale=-40.0,
    questions=8,
    max_new_tokens=N_NEW,
)


@pytest.fixture(scope="module")
def model():
    return planted_words.planted_model()


@pytest.fixture(scope="module")
def captured(model):
    return planted_words.captured_of(model)


@pytest.fixture(scope="module")
def task(model):
    prompts = [tiny.text_of([7 + i, 41 + 5 * i, 99 + 2 * i]) for i in range(24)]
    given = answer(model, prompts, max_new_tokens=N_NEW)
    questions = [
        Question(text, (right.split()[0],), "target" if i % 2 else "unrelated", "s", f"fact {i}", "heldout")
        for i, (text, right) in enumerate(zip(prompts, given, strict=True))
    ]
    return Task("tiny-qa", CONCEPT, tuple(questions), ("w11 w12 w13 w14",))


@pytest.fixture(scope="module")
def finished(model, captured, task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("causal") / "out"
    return study_sensitivity(model, captured, CONFIG, folder, concept=CONCEPT, task=task), folder


def test_every_set_of_heads_is_measured_once(finished):
    result, folder = finished
    sets = {frozenset(draw.heads) for draw in result.draws}
    assert {frozenset(arm.heads) for arm in result.measured.arms} == sets
    assert len(result.measured.arms) == len(sets) < len(result.draws)
    assert result.measured.arms[0].heads == (str(PLANTED),)
    files = {file.stem for file in (folder / "arms").iterdir()}
    assert files == {"base", *(f"edit-{i}" for i in range(1, len(sets) + 1))}


def test_effects_are_those_of_the_answers(finished, model, task):
    result, _ = finished
    measured = result.measured
    assert measured.n_questions == 16
    assert measured.base.target.n_questions == 8
    arm = next(a for a in measured.arms if measured.effects[measured.arms.index(a)] > 0)
    with rescale(model, Edit.uniform([Head.parse(h) for h in arm.heads], -40)):
        answers = answer(model, [q.prompt for q in task.heldout], max_new_tokens=N_NEW)
    right = [contains(a, q.answers) for q, a in zip(task.heldout, answers, strict=True) if q.group == "target"]
    assert sum(right) < len(right)  # of 12; 8 of them were drawn
    assert 0 < measured.effects[measured.arms.index(arm)] <= 1


def test_effects_by_list_are_means_over_its_draws(finished):
    result, _ = finished
    fall_of = {
        frozenset(arm.heads): fall for arm, fall in zip(result.measured.arms, result.measured.effects, strict=True)
    }
    for row in result.agreements:
        falls = [fall_of[frozenset(d.heads)] for d in result.draws if d.label == row.label]
        assert row.effect.target.value == pytest.approx(sum(falls) / len(falls))
        assert 0 <= row.effect.broken <= 1
        assert row.effect.unrelated is not None


def test_it_comes_back_from_disk(finished):
    assert SensitivityResult.load(finished[1]) == finished[0]


def test_measured_edits_are_kept_when_it_is_interrupted(finished, model, captured, task, tmp_path):
    begun, run = [], running.ArmRunner.run

    def run_or_break(self, name, kind, edit):
        begun.append(name)
        if name == "edit-2" and begun.count(name) == 1:
            raise KeyboardInterrupt
        return run(self, name, kind, edit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.ArmRunner, "run", run_or_break)
        with pytest.raises(KeyboardInterrupt):
            study_sensitivity(model, captured, CONFIG, tmp_path / "out", concept=CONCEPT, task=task)
        assert begun == ["base", "edit-1", "edit-2"]
        result = study_sensitivity(model, captured, CONFIG, tmp_path / "out", concept=CONCEPT, task=task, resume=True)
    assert begun.count("base") == begun.count("edit-1") == 1
    assert result == finished[0]


def test_other_questions_are_not_gone_on_with(finished, model, captured, task, tmp_path):
    out = tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headpursuit.studies.experiments.sensitivity.run.measure", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            study_sensitivity(model, captured, CONFIG, out, concept=CONCEPT, task=task)
    other = replace(task, questions=task.questions[2:])
    with pytest.raises(ValueError, match="begun with other questions .inputs.json.; give the same, or choose"):
        study_sensitivity(model, captured, CONFIG, out, concept=CONCEPT, task=other, resume=True)


def test_a_model_that_knows_no_answer_is_refused_and_its_base_kept(model, captured, task, tmp_path):
    wrong = replace(task, questions=tuple(replace(q, answers=("w1x",)) for q in task.questions))
    with pytest.raises(ValueError, match="base answers 0 of 8: nothing to suppress"):
        study_sensitivity(model, captured, CONFIG, tmp_path / "out", concept=CONCEPT, task=wrong)
    assert (tmp_path / "out" / "arms" / "base.json").is_file()


def test_a_task_about_other_words_is_refused(model, captured, task, tmp_path):
    other = Concept("others", tuple(f"w{i}" for i in range(270, 282)))
    with pytest.raises(ValueError, match="tiny-qa asks for planted, and others has none of these words"):
        study_sensitivity(model, captured, CONFIG, tmp_path / "out", concept=other, task=task)
    assert not (tmp_path / "out").exists()


def test_an_enhancement_is_told_as_one(model, captured, task, tmp_path):
    """Effects are rises then, and a scale below 1 is refused before anything is written."""
    rising = replace(task, direction="enhance", metric="concept-words")
    config = replace(CONFIG, scale=40.0, fractions=(50.0,), repeats=2)
    with pytest.raises(ValueError, match="scales of enhancement are above 1, but `scale` is -40 for tiny-qa"):
        study_sensitivity(model, captured, CONFIG, tmp_path / "down", concept=CONCEPT, task=rising)
    assert not (tmp_path / "down").exists()
    measured = study_sensitivity(model, captured, config, tmp_path / "up", concept=CONCEPT, task=rising).measured
    assert measured.direction == "enhance"
    before, after = (arm.target.score.value for arm in (measured.base, measured.arms[0]))
    assert measured.effects[0] == pytest.approx(after / before - 1 if before else 0.0)
    assert "raise" in measured.sentence or "breaks the model" in measured.sentence
