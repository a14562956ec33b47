"""Studies whose edit is chosen by what it does, from settings to page."""

from dataclasses import replace

import causal_task
import pytest
import tiny_study
from typed import run

import headpursuit as hp
from headpursuit.heads import Edit, Head
from headpursuit.report import render
from headpursuit.studies import StudyConfig
from headpursuit.studies.causal import growing
from headpursuit.studies.causal.measuring import probabilities
from headpursuit.studies.settings import find_task
from headpursuit.studies.steps.arms import ArmRunner


def config_of(folder, **changes):
    tiny_study.declare_task(folder)
    usual = tiny_study.tiny_config(folder)
    by_effect = dict(by="effect", heads="1%", scale=-1.0, scales=(-1.0, 0.0), damage=0.5)
    return replace(usual, **{**by_effect, **changes})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    place = tmp_path_factory.mktemp("by effect")
    config, task = config_of(place), causal_task.task_of()
    result = hp.study(causal_task.model_of(), config, place / "out", task=task)
    return result, place / "out"


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


def test_no_question_that_grew_or_chose_the_edit_judges_it(tmp_path, monkeypatch):
    grown_on, asked, ran = [], {}, ArmRunner.run
    monkeypatch.setattr(
        growing,
        "probabilities",
        lambda model, task, *groups: (
            grown_on.extend(q.prompt for of in groups[:2] for q in of) or probabilities(model, task, *groups)
        ),
    )
    monkeypatch.setattr(
        ArmRunner, "run", lambda self, name, *rest: asked.update({name: set(self._prompts)}) or ran(self, name, *rest)
    )
    hp.study(causal_task.model_of(), config_of(tmp_path), tmp_path / "out", task=causal_task.task_of())
    chose, judged = asked["finalist-1"], asked["edit"]
    for group, n in (("target", 8), ("unrelated", 10)):
        of_group = {q.prompt for q in causal_task.task_of().questions if q.group == group}
        assert len(of_group & set(grown_on)) == n
        assert of_group & chose and of_group & judged
    assert not set(grown_on) & chose and not set(grown_on) & judged and not chose & judged


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


def test_a_file_with_a_sweep_is_asked_by_effect(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("task: months\nsettings:\n  model: m\n  sweep: true\n")
    assert StudyConfig(str(file)).sweep
    found = StudyConfig(str(file), by="effect")
    assert (found.by, found.sweep) == ("effect", False)
    with pytest.raises(ValueError, match="without a dose sheet"):
        StudyConfig(str(file), by="effect", sweep=True)
