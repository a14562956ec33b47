import sys
import threading
import time
from contextlib import contextmanager

import pytest
import tiny
from typed import assert_refused, run

from headpursuit import explore
from headpursuit.analysis import capture
from headpursuit.cli import exploring
from headpursuit.explore import Cancelled, serving, starting


@pytest.fixture
def saved(tmp_path):
    model = tiny.word_model()
    model.network.save_pretrained(tmp_path / "tiny")
    model.tokenizer.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def page(monkeypatch):
    """What would be served; the command ends at once, as with Ctrl-C."""
    given = {}

    def serve(bench, place, output, **options):
        given.update(bench=bench, place=place, output=output, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(serving, "serve", serve)
    monkeypatch.setattr(serving, "check_installed", lambda: None)
    return given


def test_a_capture_alone_brings_its_model(saved, page, tmp_path):
    import headpursuit as hp

    capture(hp.load(str(saved)), ["w5 w6", "w7 w8"], output=tmp_path / "cap")
    prompts = tmp_path / "p.txt"
    prompts.write_text("w5 w6\nw7 w8\n")
    assert run("explore", tmp_path / "cap", "--prompts", prompts).exit_code == 130
    assert page["bench"].model.name == str(saved)
    assert page["bench"].prompts == ["w5 w6", "w7 w8"]
    assert page["place"] == tmp_path / "cap"
    page.clear()
    assert run("explore", saved, tmp_path / "cap", "--port", "7999").exit_code == 130
    assert page["bench"].prompts is None
    assert page["port"] == 7999


def test_the_model_is_read_in_a_thread_that_ends(saved, page, tmp_path, monkeypatch):
    readers = []
    make = explore.default_capture
    monkeypatch.setattr(starting, "default_prompts", lambda _: ["w5 w6", "w7 w8"])
    monkeypatch.setattr(
        explore, "default_capture", lambda *a: (readers.append(threading.current_thread()), make(*a))[1]
    )
    assert run("explore", saved, "-o", tmp_path / "out").exit_code == 130
    assert page["bench"].prompts == ["w5 w6", "w7 w8"]
    (reader,) = readers
    assert reader is not threading.main_thread()
    reader.join(10)
    assert not reader.is_alive()


def test_ctrl_c_ends_a_capture_that_is_under_way(saved, monkeypatch):
    ended = []

    def capturing(model, folder, advance):
        try:
            while True:
                advance(1, 2)
                time.sleep(0.01)
        except Cancelled:
            ended.append("cancelled")
            raise

    @contextmanager
    def interrupted():
        def advance(*_):
            raise KeyboardInterrupt

        yield advance

    monkeypatch.setattr(serving, "check_installed", lambda: None)
    monkeypatch.setattr(explore, "default_capture", capturing)
    monkeypatch.setattr(exploring, "progress", interrupted)
    assert run("explore", saved).exit_code == 130
    assert ended == ["cancelled"]


def test_what_cannot_be_is_refused_in_a_line(saved, page, tmp_path):
    assert_refused(run("explore", saved, tmp_path / "nothing"), "there is no folder")
    assert_refused(run("explore", saved, "--prompts", tmp_path / "p.txt"), "--prompts goes with a capture")
    assert_refused(run("explore", tmp_path / "no-model"), "there is no model")


def test_without_gradio_the_extra_is_named(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert_refused(run("explore", saved), "headpursuit[explore]")
