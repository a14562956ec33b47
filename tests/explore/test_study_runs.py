import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "studies"))

import tiny_captions
from test_image_study import image_set
from tiny_study import NEUTRAL, declare_task, tiny_config

from headpursuit.analysis import RankConfig, capture
from headpursuit.explore import Workbench
from headpursuit.explore.jobs import Jobs
from headpursuit.explore.starting import TASKS
from headpursuit.explore.study_runs import offered_studies, run_study, study_config
from headpursuit.heads import Edit
from headpursuit.models import answer, rescale
from headpursuit.studies import image_classification, load_result
from headpursuit.studies.experiments.captions import study as captioning_study
from headpursuit.studies.tasks import declared

pytestmark = pytest.mark.usefixtures("blank_pictures")


@pytest.fixture
def config(tmp_path):
    words = tmp_path / "words"
    words.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(declared, "neutral_texts", lambda: NEUTRAL)
        declare_task(words)
        yield tiny_config(words)


def test_a_study_runs_to_its_report(bench, config, tmp_path):
    output = tmp_path / "studies"
    stages = list(run_study(bench, config, output))
    assert {"capture", "arms", "done"} <= {stage.name for stage in stages}
    done = stages[-1]
    assert done.folder == output / "tiny-qa-tiny"
    result = load_result(done.folder)
    assert done.verdict == f"{result.verdict.outcome}: {result.verdict.sentence}"
    assert (done.folder / "report.html").is_file()
    assert [path.name for path in output.iterdir()] == ["tiny-qa-tiny"]


def test_others_answer_meanwhile_and_unedited(bench, config, tmp_path):
    prompt = "w5 w9 w20"
    with bench.turn() as model:
        base = answer(model, [prompt], max_new_tokens=4)
    for stage in run_study(bench, config, tmp_path / "studies"):
        if stage.name.startswith("arm "):
            with bench.turn() as model:
                assert answer(model, [prompt], max_new_tokens=4) == base
                with rescale(model, Edit({"L1H1": 4})):
                    pass


def test_a_study_that_is_called_off_leaves_nothing(bench, config, tmp_path):
    output = tmp_path / "studies"
    job = run_study(bench, config, output)
    heard = iter(job)
    while not next(heard).name.startswith("arm "):
        pass
    heard.close()
    assert job.wait(60.0)
    assert list(output.iterdir()) == []


def test_a_study_called_off_while_its_report_is_drawn_leaves_nothing(bench, config, tmp_path, monkeypatch):
    drawing, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr("headpursuit.explore.study_runs.render", lambda _: (drawing.set(), go_on.wait(60)))
    output, jobs = tmp_path / "studies", Jobs()
    job = jobs.begin("visitor", "study", run_study(bench, config, output))
    assert drawing.wait(60)
    threading.Timer(0.2, go_on.set).start()
    jobs.end()
    assert job.wait(0.0)
    assert list(output.iterdir()) == []


def test_a_place_that_is_taken_while_a_study_runs_is_kept(bench, config, tmp_path):
    output = tmp_path / "studies"
    for stage in run_study(bench, config, output):
        if stage.name == "capture":
            (output / "tiny-qa-tiny").mkdir(exist_ok=True)
            (output / "tiny-qa-tiny" / "mine").touch()
    assert stage.folder == output / "tiny-qa-tiny-2"
    assert (output / "tiny-qa-tiny" / "mine").exists()


def test_a_second_study_does_not_overwrite_the_first(bench, config, tmp_path):
    output = tmp_path / "studies"
    (output / "tiny-qa-tiny").mkdir(parents=True)
    assert list(run_study(bench, config, output))[-1].folder == output / "tiny-qa-tiny-2"


@pytest.fixture(scope="module")
def seeing():
    model, task = tiny_captions.model(), tiny_captions.task()
    return Workbench(model, capture(model, [question.prompt for question in task.heldout]))


def test_captions_are_studied_in_both_directions(seeing, tmp_path, monkeypatch):
    monkeypatch.setattr(captioning_study, "find_task", lambda _: tiny_captions.task())
    done = list(run_study(seeing, tiny_captions.config(tmp_path), tmp_path / "studies"))[-1]
    assert done.folder == tmp_path / "studies" / "captioning-drawings-hues-tiny"
    down, up = load_result(done.folder).verdicts.values()
    assert done.verdict == f"suppress: {down.outcome}: {down.sentence} enhance: {up.outcome}: {up.sentence}"
    assert (done.folder / "report.html").is_file()


def test_a_study_of_images_runs_to_its_report(seeing, tmp_path, monkeypatch):
    task = image_classification(image_set(seeing.model))
    monkeypatch.setattr(sys.modules["headpursuit.studies.experiments.answers"], "find_task", lambda _: task)
    (tmp_path / "shapes.txt").write_text("w21\nw62\nw134\n")
    settings = {"other_concept": str(tmp_path / "shapes.txt"), "ranking": RankConfig(n_draws=3), "max_new_tokens": 3}
    config = study_config(seeing, "digits", heads="1", scale=-20.0, controls=1, chat=False, **settings)
    done = list(run_study(seeing, config, tmp_path / "studies"))[-1]
    assert done.folder == tmp_path / "studies" / f"image-classification-digits-{Path(seeing.model.name).name}"
    result = load_result(done.folder)
    assert done.verdict == f"{result.verdict.outcome}: {result.verdict.sentence}"
    assert result.examples[0].image_name


def test_studies_of_images_are_offered_where_the_model_sees(bench, seeing):
    assert offered_studies(bench.model) == TASKS
    assert offered_studies(seeing.model) == ("digits", "scenes", "captions of scenes", *TASKS)
    digits = study_config(seeing, "digits", "colours", heads="3", scale=-1.0)
    assert (digits.task, digits.data, digits.concept, digits.chat) == ("image-classification", "digits", "", True)
    captions = study_config(seeing, "captions of scenes", "shapes", sweep=True)
    assert (captions.task, captions.data, captions.concept) == ("captioning", "scenes", "shapes")
    assert captions.other_concept == "colours"
    with pytest.raises(ValueError, match="no study 'digits' here"):
        study_config(bench, "digits")


def test_captions_need_a_list_and_a_dose_sheet(seeing):
    with pytest.raises(ValueError, match="read for a built-in list"):
        study_config(seeing, "captions of scenes", "red, green", sweep=True)
    with pytest.raises(ValueError, match="tick the dose sheet"):
        study_config(seeing, "captions of scenes", "colours", heads="3", scale=-1.0)


def test_what_a_study_cannot_be_is_refused(bench):
    with pytest.raises(ValueError, match="no study '../x' here"):
        study_config(bench, "../x")
    with pytest.raises(ValueError, match="the scale is 1"):
        study_config(bench, "capitals", heads="3", scale=1.0)
    assert study_config(bench, "capitals", sweep=True, controls=3).sweep
    assert study_config(bench, "capitals", heads="3", scope="prompt").scope == "prompt"
