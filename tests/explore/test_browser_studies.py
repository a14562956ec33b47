"""Studies run from the page: how far they are, called off, and their report."""

import gc
import sys
import threading
import weakref
from pathlib import Path

import pytest
from browsing import PATIENCE, WORDS, tab
from served import served

sys.path.insert(0, str(Path(__file__).parents[1] / "studies"))

from tiny_study import NEUTRAL, declare_task, tiny_config

from headpursuit.explore import study_runs
from headpursuit.studies import StudyConfig, load_result
from headpursuit.studies.steps import arms
from headpursuit.studies.tasks import declared

pytestmark = pytest.mark.browser


@pytest.fixture
def place(bench, tmp_path, monkeypatch):
    """Where studies go of a page that runs a tiny one, whatever is asked for."""
    words = tmp_path / "words"
    words.mkdir()
    monkeypatch.setattr(declared, "neutral_texts", lambda: NEUTRAL)
    declare_task(words)
    with served(bench, tmp_path) as address:
        handlers = sys.modules["headpursuit.explore.handlers"]
        dose = {"sweep": True, "heads": StudyConfig.heads, "scale": StudyConfig.scale}

        def tiny(_, task, concept, **asked):
            (tmp_path / "asked").write_text(f"{task}, {concept}")
            return tiny_config(words, **(dose if "sweep" in asked else {}))

        monkeypatch.setattr(handlers, "study_config", tiny)
        yield address, tmp_path / "studies"


@pytest.mark.parametrize("sweep", [False, True])
def test_a_study_shows_how_far_it_is_and_gives_its_report(chromium, place, sweep):
    address, studies = place
    with tab(chromium, address) as page:
        page.click("text=Study: measured")
        if sweep:
            page.check("#hp-sweep input")
        page.click("#hp-run")
        page.wait_for_selector("#hp-stage progress")
        page.wait_for_selector('#hp-stage [data-state="finished"]')
        assert (studies.parent / "asked").read_text() == f"countries-qa, {WORDS}"
        result = load_result(studies / "tiny-qa-tiny")
        assert result.config.sweep == sweep
        assert result.verdict.sentence in page.inner_text("#hp-stage")
        with page.expect_download() as download:
            page.click("#hp-report")
        assert download.value.suggested_filename == "tiny-qa-tiny.html"
        assert Path(download.value.path()).read_bytes() == (studies / "tiny-qa-tiny" / "report.html").read_bytes()


def test_a_study_of_heads_picked_by_hand_is_refused(chromium, place):
    address, studies = place
    with tab(chromium, address, picked="L0H0") as page:
        page.click("text=Study: measured")
        page.click("#hp-run")
        page.wait_for_selector("#hp-stage :text('empty the heads picked by hand')")
    assert not studies.exists()


def test_a_study_is_called_off_and_leaves_nothing(chromium, place, monkeypatch):
    address, studies = place
    reached, go_on, networks = threading.Event(), threading.Event(), []
    run, twin = arms.ArmRunner.run, study_runs.twin

    def held(self, *args):
        reached.set()
        assert go_on.wait(PATIENCE / 1000)
        return run(self, *args)

    def noted(model):
        made = twin(model)
        networks.append(weakref.ref(made.network))
        return made

    monkeypatch.setattr(arms.ArmRunner, "run", held)
    monkeypatch.setattr(study_runs, "twin", noted)
    with tab(chromium, address) as page:
        page.click("text=Study: measured")
        page.click("#hp-run")
        assert reached.wait(PATIENCE / 1000)
        assert any(studies.iterdir())
        with page.expect_response("**/run/predict*"):
            page.click("#hp-cancel")
        go_on.set()
        page.wait_for_selector('#hp-stage [data-state="cancelled"]')
        assert list(studies.iterdir()) == []
        assert not page.is_visible("#hp-report")
    gc.collect()
    assert [network() for network in networks] == [None]
