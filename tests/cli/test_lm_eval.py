import importlib.util
import json
import sys

import pytest
from harness_data import keep_short, task_folder, word_model
from typed import assert_refused, run

needs_lm_eval = pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="needs the extra lm-eval")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "tiny"
    model = word_model()
    model.network.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def edit(tmp_path):
    file = tmp_path / "e.json"
    file.write_text('{"L0H0": 0.7, "L2H1": 0.5}')
    return file


@pytest.fixture
def short(monkeypatch, tmp_path):
    keep_short(monkeypatch, tmp_path / "datasets")
    return task_folder(tmp_path / "tasks")


def test_the_extra_is_named_where_lm_eval_is_missing(saved, edit, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    result = run("lm-eval", saved, "--edit", edit, "--tasks", "hellaswag", "-o", tmp_path / "out")
    assert_refused(result, "pip install 'headpursuit[lm-eval]'")
    assert not (tmp_path / "out").exists()


@needs_lm_eval
def test_damage_of_an_edit(saved, edit, short, tmp_path):
    words = ("lm-eval", saved, "--edit", edit, "--tasks", "tiny_choose,tiny_finish", "--include-path", short)
    result = run(*words, "--controls", 1, "--limit", 20, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "L0H0 × 0.7, L2H1 × 0.5: figures of lm-eval" in result.stdout
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    assert found["sentence"] in result.stdout
    assert found["sentence"] in (tmp_path / "out" / "report.html").read_text()
    assert {row["n_items"] for row in found["rows"]} == {20}
    assert_refused(run(*words, "-o", tmp_path / "out"), "exists already")
    assert_refused(run(*words, "-o", tmp_path / "out", "--resume"), "is finished")


@needs_lm_eval
def test_a_scope_that_cannot_be_followed_ends_in_one_line(saved, short, tmp_path):
    (tmp_path / "g.json").write_text('{"scales": {"L0H0": 0}, "scope": "generated"}')
    words = ("lm-eval", saved, "--edit", tmp_path / "g.json", "--include-path", short, "-o", tmp_path / "out")
    assert_refused(run(*words, "--tasks", "tiny_choose"), "the edit's scope is 'generated', but tiny_choose compares")
    assert not (tmp_path / "out").exists()
    assert run(*words, "--tasks", "tiny_finish", "--controls", 0).exit_code == 0


def test_which_heads_must_be_said_once(saved, edit, tmp_path):
    words = ("lm-eval", saved, "--tasks", "hellaswag", "-o", tmp_path / "out")
    assert_refused(run(*words), "give either --ranking or --edit")
    assert_refused(run(*words, "--edit", edit, "--scale", 2), "--heads and --scale go with --ranking or a list")
    assert_refused(run(*words, "--edit", edit, "--limit", 0), "--limit is 0; it must be at least 1")
