import pytest
from finished_study import ranking, save, study_result
from typer.testing import CliRunner

from headpursuit.cli import demos
from headpursuit.cli.app import app
from headpursuit.models import DEMO_VLM, EMBEDDED


def small_result():
    return study_result(ranking((4,) * 4), n_controls=1)


@pytest.fixture
def ran(monkeypatch):
    """The studies that were run; each leaves a finished one in its folder."""
    configs = []

    def run_study(config, output, *, resume):
        configs.append((config, output.name, resume))
        output.parent.mkdir(exist_ok=True)
        save(small_result(), output)

    monkeypatch.setattr(demos, "run_study", run_study)
    return configs


def run(*arguments):
    return CliRunner().invoke(app, ["demo", *map(str, arguments)], catch_exceptions=False)


def test_the_demo_is_the_study_of_countries(ran, tmp_path):
    assert run("-o", tmp_path / "demo").exit_code == 0
    ((config, name, resume),) = ran
    assert (config.task, config.model, name, resume) == ("countries-qa", EMBEDDED, "demo", False)


def test_vision_runs_both_image_studies_on_the_demo_model_and_puts_them_into_one_report(ran, tmp_path):
    done = run("--vision", "-o", tmp_path / "both")
    assert done.exit_code == 0
    assert [(c.task, c.model, c.data, c.concept, name) for c, name, _ in ran] == [
        ("image-classification", DEMO_VLM, "digits", "", "digits"),
        ("captioning", DEMO_VLM, "scenes", "colours", "colours"),
    ]
    assert all(config.sweep and config.chat and config.positions == "generated" for config, _, _ in ran)
    page = (tmp_path / "both" / "report.html").read_text(encoding="utf-8")
    assert page.count("<iframe") == 2
    assert "both studies:" in done.output


def test_a_finished_part_is_shown_not_run_again(ran, tmp_path):
    save(small_result(), tmp_path / "digits")
    assert "remove it to run it again" in run("--vision", "-o", tmp_path).output
    assert [name for _, name, _ in ran] == ["colours"]


def test_an_unfinished_part_goes_on(ran, tmp_path, monkeypatch):
    (tmp_path / "demo").mkdir()
    monkeypatch.setattr(demos, "run_study", lambda config, output, *, resume: ran.append(resume))
    run("-o", tmp_path / "demo")
    assert ran == [True]
