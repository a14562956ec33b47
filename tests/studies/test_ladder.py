"""The ladder of specificity: rungs of a task's file, asked under the arms of its study."""

import pytest
from tiny_study import N_NEW, prompt, tiny_config

from headpursuit.models import answer, rescale
from headpursuit.report.pages import answers as page
from headpursuit.studies import StudyResult, study
from headpursuit.studies.experiments.answers import shown
from headpursuit.studies.figures.rungs import left_of
from headpursuit.studies.figures.summaries import summarise_group
from headpursuit.studies.judging.ladder import climbed
from headpursuit.studies.steps import asking
from headpursuit.studies.tasks import load_task
from headpursuit.studies.text.metrics import contains

RUNGS = """
rungs:
  other words:
    rows: [{rows}]
    prompts: "{{asked}}"
    answers: right
  others:
    sibling: true
    rows: [{siblings}]
    prompts: "{{asked}} w8"
    answers: right
  never: {{rows: [{{asked: w9 w9, right: nowhere}}], prompts: "{{asked}}", answers: right}}
"""


@pytest.fixture(scope="module")
def climbing(model, words, tmp_path_factory):
    texts = [prompt(30 + i) for i in range(4)]

    def rows(prompts):
        given = answer(model, prompts, max_new_tokens=N_NEW)
        return ", ".join(f"{{asked: {t}, right: {g.split()[0]}}}" for t, g in zip(texts, given, strict=True))

    file = words / "climbing.yaml"
    file.write_text(
        (words / "tiny-qa.yaml").read_text() + RUNGS.format(rows=rows(texts), siblings=rows([f"{t} w8" for t in texts]))
    )
    folder = tmp_path_factory.mktemp("climbing") / "study"
    return study(model, tiny_config(words, task=str(file), rungs=True), folder), folder, texts


def test_every_rung_is_answered_under_the_arms_and_kept(climbing, model):
    result, folder, texts = climbing
    assert [(rung.name, rung.is_sibling) for rung in result.ladder] == [
        ("other words", False),
        ("others", True),
        ("never", False),
    ]
    rung = result.ladder[0]
    assert [arm.name for arm in rung.arms] == ["base", "edit", "matched-1", "matched-2"]
    assert rung.arms[0].answers.score.value == 1
    assert rung.arms[0].left is None
    (rows,) = (load_task(result.config.task).rungs[0].questions,)
    with rescale(model, result.rescaled):
        now = answer(model, texts, max_new_tokens=N_NEW)
    right = [contains(text, q.answers) for text, q in zip(now, rows, strict=True)]
    assert rung.of("edit")[0].answers.score.value == sum(right) / 4 < 1
    assert StudyResult.load(folder) == result


def test_the_ladder_is_said_and_shown(climbing):
    result, folder, _ = climbing
    first, second, third = climbed(result.ladder)
    assert first.startswith("Of the concept asked for in other ways the edit leaves, as a fraction")
    assert f"other words {result.ladder[0].of('edit')[0].left}" in first
    assert second.startswith("Of siblings it leaves, as a fraction of the unedited score: others ")
    assert third == "The unedited model answers too little to see a loss: never."
    (table,) = (one for one in shown(result) if getattr(one, "title", "").startswith("ladder"))
    assert [row[0] for row in table.rows] == ["other words", "others (sibling)", "never"]
    html = page.page(folder).text()
    assert 'id="ladder"' in html
    assert first in html


def test_a_study_that_is_resumed_asks_no_rung_twice(climbing, model, words, monkeypatch):
    result, folder, _ = climbing
    for name in ("study.json", "manifest.json", "ladder/matched-1.json"):
        (folder / name).unlink()
    asked, under = [], asking.answers_under

    def told(model, prompts, edits, **how):
        asked.extend(edits)
        return under(model, prompts, edits, **how)

    monkeypatch.setattr(asking, "answers_under", told)
    assert study(model, result.config, folder, resume=True) == result
    assert len(asked) == 1


def test_a_silent_answer_is_left(climbing, task):
    result, *_ = climbing
    questions = load_task(result.config.task).rungs[0].questions
    right = [q.answers[0] for q in questions]
    base = summarise_group(task, task.words, questions, right, None, 0)
    silent = summarise_group(task, task.words, questions, ["", "", "w0", "w0"], right, 0)
    assert left_of(base, silent).value == 0.5
