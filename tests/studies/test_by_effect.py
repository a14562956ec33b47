"""Studies whose edit is chosen by what it does, from settings to page."""

import json
from dataclasses import replace

import arm_figures
import causal_task
import pytest
import tiny_study
from typed import run

import headpursuit as hp
from headpursuit.heads import Edit, Head
from headpursuit.report import render
from headpursuit.report.pages.answers import page_of
from headpursuit.report.wording import number
from headpursuit.studies import StudyConfig
from headpursuit.studies.causal import choosing, growing
from headpursuit.studies.causal.measuring import probabilities
from headpursuit.studies.experiments.answers import shown
from headpursuit.studies.judging import terms
from headpursuit.studies.kernel import Table
from headpursuit.studies.results import SubjectScore
from headpursuit.studies.settings import find_task
from headpursuit.studies.steps.arms import ArmRunner

pytestmark = pytest.mark.usefixtures("blank_pictures")


def config_of(folder, **changes):
    tiny_study.declare_task(folder)
    usual = tiny_study.tiny_config(folder)
    by_effect = dict(by="effect", heads="1%", scale=-1.0, scales=(-1.0, 0.0), damage=0.5)
    return replace(usual, **{**by_effect, **changes})


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A study, its folder, the prompts that the edit was grown on, and those of each arm."""
    place, grown_on, asked, ran = tmp_path_factory.mktemp("by effect"), [], {}, ArmRunner.run

    def measured(model, task, *groups):
        grown_on.extend(q.prompt for of in groups[:2] for q in of)
        return probabilities(model, task, *groups)

    def run_arm(self, name, *rest):
        asked[name] = {question.prompt for question in self._questions}
        return ran(self, name, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growing, "probabilities", measured)
        patch.setattr(ArmRunner, "run", run_arm)
        result = hp.study(causal_task.model_of(), config_of(place), place / "out", task=causal_task.task_of())
    return result, place / "out", set(grown_on), asked


@pytest.fixture(scope="module")
def finished(watched):
    return watched[:2]


def test_the_grown_edit_is_judged_beside_random_heads_with_its_scales(finished):
    result, folder = finished
    assert Head(1, 2) in result.rescaled
    assert result.rescaled == result.grown.edit == hp.load_edit(folder / "edit.json", causal_task.model_of())
    assert result.edit.heads == tuple(map(str, result.rescaled))
    for arm in result.arms_of("matched"):
        assert [Head.parse(h).layer for h in arm.heads] == [head.layer for head in result.rescaled]
        assert not {Head.parse(h) for h in arm.heads} & set(result.rescaled)
    assert result.edit.target.score.value < result.arms[0].target.score.value
    held_out = {q.prompt for q in causal_task.task_of().heldout if q.group == "target"}
    assert held_out <= {example.prompt for example in result.examples}
    assert any("The dose was chosen for an effect of" in remark for remark in result.remarks)


def test_no_question_that_grew_or_chose_the_edit_judges_it(watched):
    _, _, grown_on, asked = watched
    chose, judged = asked["finalist-1"], asked["edit"]
    for group, n in (("target", 8), ("unrelated", 10)):
        of_group = {q.prompt for q in causal_task.task_of().questions if q.group == group}
        assert len(of_group & grown_on) == n
        assert of_group & chose and of_group & judged
    assert not grown_on & chose and not grown_on & judged and not chose & judged


def rate(examples, arm):
    return sum(e.scores[arm] for e in examples) / len(examples)


def test_the_worst_unrelated_subject_is_told_beside_the_mean(finished):
    result, _ = finished
    asked = [e for e in result.examples if e.group == "unrelated"]
    by_subject = {s: [e for e in asked if e.subject == s] for s in dict.fromkeys(e.subject for e in asked)}
    assert set(by_subject) == {"early", "late"}
    for arm in result.arms:
        found = {each.subject: (each.n_questions, each.score) for each in arm.unrelated.subjects}
        assert found == {s: (len(of), pytest.approx(rate(of, arm.name))) for s, of in by_subject.items()}
        assert arm.target.subjects == ()
    before, after = result.edit.unrelated.worst(result.arms[0].unrelated)
    falls = {s: rate(of, "base") - rate(of, "edit") for s, of in by_subject.items()}
    assert before.score - after.score == pytest.approx(max(falls.values()))
    told = "lose most" if max(falls.values()) > 0 else "none loses any right answers"
    assert any(r.startswith("Of 2 unrelated subjects, ") and told in r for r in result.verdict.reasons)


def test_a_subject_that_loses_most_is_named():
    def group(**scores):
        subjects = tuple(SubjectScore(name, 8, score) for name, score in scores.items())
        return replace(arm_figures.group(0.5), subjects=subjects)

    base = group(letters=0.5, pairs=1.0, tools=0.75)
    (said,) = terms.worst_subject(base, group(letters=0.5, pairs=0.625, tools=0.5))
    assert said == "Of 3 unrelated subjects, pairs lose most: 1.00 before, 0.62 after (8 questions)."
    (said,) = terms.worst_subject(base, group(letters=0.75, pairs=1.0, tools=0.75))
    assert said == "Of 3 unrelated subjects, none loses any right answers."
    assert list(terms.worst_subject(group(), group())) == []


def test_what_was_promised_stands_beside_what_was_found(finished):
    result, folder = finished
    taken, base = result.grown.taken, result.grown.base
    assert result.promised.effect == pytest.approx(1 - taken.arm.target.score.value / base.target.score.value)
    assert result.promised.loss == pytest.approx(1 - taken.arm.unrelated.score.value / base.unrelated.score.value)
    unedited, edit = result.arms[0], result.edit
    assert result.found.loss == pytest.approx(1 - edit.unrelated.score.value / unedited.unrelated.score.value)
    assert result.found.effect == pytest.approx(-edit.target.score_change.value / unedited.target.score.value)
    table = next(s for s in shown(result) if isinstance(s, Table) and s.title.startswith("promised and found"))
    assert table.rows[1] == (
        "unrelated lost",
        *(f"{v:.2f}" for v in (taken.loss, result.promised.loss, result.found.loss)),
    )
    assert any("The loss of unrelated answers is" in remark for remark in result.remarks)
    page = render(folder).read_text()
    assert "Promised and found" in page
    saved = json.loads((folder / "study.json").read_text())
    assert saved["found"] == {"effect": result.found.effect, "loss": result.found.loss}


def test_edits_that_tie_are_named_on_the_page(finished):
    result, _ = finished
    assert len(result.grown.finalists) > 2
    tied = [i for i in range(len(result.grown.finalists)) if i != result.grown.chosen][:2]

    def page(ties):
        return page_of(replace(result, grown=replace(result.grown, ties=tuple(ties)))).text()

    assert "as well on selection questions" not in page([])
    one, two = page(tied[:1]), page(tied)
    assert "Another edit does as well on selection questions" in one
    assert "2 other edits do as well on selection questions" in two
    for i in tied:
        edit = ", ".join(f"{head} × {number(scale)}" for head, scale in result.grown.finalists[i].edit.items())
        assert f"{edit};" in two or f"{edit}. Which" in two


@pytest.mark.parametrize("split", ["selection", "heldout"])
def test_a_base_that_knows_hardly_anything_is_refused_before_anything_is_grown(tmp_path, monkeypatch, split):
    task = causal_task.task_of()
    wrong = tuple(
        replace(q, answers=("zebra",)) if (q.group, q.split) == ("target", split) else q for q in task.questions
    )
    monkeypatch.setattr(growing, "probabilities", None)
    with pytest.raises(ValueError, match=r"base answers 0 of \d: nothing to suppress; ask what the model knows"):
        hp.study(causal_task.model_of(), config_of(tmp_path), tmp_path / "out", task=replace(task, questions=wrong))
    assert not (tmp_path / "out" / "screen").exists()


def test_it_comes_back_from_disk_and_has_a_page(finished):
    result, folder = finished
    assert hp.load_result(folder) == result
    page = render(folder).read_text()
    assert "How the edit was grown" in page
    assert all(str(head) in page for head in result.rescaled)


def test_a_ranking_alone_is_rescaled_as_ever(finished):
    result, _ = finished
    plain = replace(result, grown=None)
    assert plain.rescaled == Edit.uniform(result.ranking.top("1%"), -1.0)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"by": "writing", "among": 3}, "`among` shortlists heads that are tried by effect"),
        ({"by": "effect", "heads": "2"}, "by effect, heads and scales are chosen"),
        ({"by": "effect", "sweep": True}, "without a dose sheet"),
        ({"by": "effect", "doses": ("1",)}, "numbers of heads are chosen"),
        ({"by": "guess"}, "an edit is chosen by writing or effect"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, expected):
    with pytest.raises((ValueError, TypeError), match=expected if settings["by"] != "guess" else "guess"):
        StudyConfig("countries-qa", "m", **settings)


def test_captions_are_not_chosen_by_effect():
    with pytest.raises(ValueError, match="by effect, answers are followed, and captions have none"):
        find_task(StudyConfig("captioning", "m", by="effect"))


def test_scales_of_the_other_side_are_refused():
    with pytest.raises(ValueError, match="scales of suppression are below 1"):
        find_task(StudyConfig("months", "m", by="effect", scales=(2.0,)))


def test_too_few_questions_are_one_line_before_a_model_is_loaded(tmp_path):
    tiny_study.declare_task(tmp_path)
    said = run("study", str(tmp_path / "tiny-qa.yaml"), "no-such-model", "--by", "effect", "-o", str(tmp_path / "out"))
    assert said.exit_code == 2
    assert "target facts to choose heads by, and at least 8 are needed" in said.output.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_damage_below_one_fact_is_refused_before_anything_runs(tmp_path):
    task, config = causal_task.task_of(), config_of(tmp_path, damage=0.09)
    with pytest.raises(ValueError, match="`damage` is 0.09, less than one of the 10 unrelated facts"):
        hp.study(causal_task.model_of(), config, tmp_path / "out", task=task)
    assert not (tmp_path / "out").exists()
    choosing.check_choosing(task, replace(config, damage=0.1))


def test_a_file_with_a_sweep_is_asked_by_effect(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("task: months\nsettings:\n  model: m\n  sweep: true\n")
    assert StudyConfig(str(file)).sweep
    found = StudyConfig(str(file), by="effect")
    assert (found.by, found.sweep) == ("effect", False)
    with pytest.raises(ValueError, match="without a dose sheet"):
        StudyConfig(str(file), by="effect", sweep=True)
