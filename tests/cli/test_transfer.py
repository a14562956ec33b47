"""`headpursuit transfer` as it is typed."""

import json

import pytest
import tiny
from typed import assert_refused, run

from headpursuit.studies import tasks as shipped
from headpursuit.studies.transfer import TransferResult

HERE = "headpursuit.studies.tasks"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "tiny"
    model = tiny.word_model()
    model.network.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Three tasks in a file; two of them are the same."""
    import sys

    sys.path.insert(0, str(tmp_path))
    from transfer_tasks import three_tasks

    for name, task in three_tasks(tiny.word_model()).items():
        monkeypatch.setitem(shipped._TASKS, name, lambda task=task: task)
    rows = [{"task": name, "max_new_tokens": 3} for name in ("one", "again", "other")]
    content = {"settings": {"heads": 2, "controls": 1, "n_draws": 4}, "tasks": rows}
    (tmp_path / "three.yaml").write_text(json.dumps(content))
    return tmp_path / "three.yaml"


def test_tables_sentences_a_page_and_the_same_again(saved, file, tmp_path):
    out = tmp_path / "out"
    found = run("transfer", saved, file, "--scale", "-20", "-o", out)
    assert found.exit_code == 0, found.output
    result = TransferResult.load(out)
    assert (result.config.heads, result.config.scale, result.config.controls) == ("2", -20, 1)
    for expected in ("best heads of every task, of 12", "one & again", "right answers lost", "random heads"):
        assert expected in found.stdout
    assert all(sentence in found.stdout for sentence in result.sentences)
    assert f"report: {out / 'report.html'}" in found.stdout
    assert (out / "report.html").is_file()
    again = run("transfer", saved, out / "config.json", "-o", tmp_path / "again")
    assert again.exit_code == 0, again.output
    assert TransferResult.load(tmp_path / "again").cells == result.cells


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["countries-qa"], "transfer needs at least two tasks, but 1 was given"),
        (["countries-qa", "countries-qa"], "two tasks are called countries-qa"),
        (["countries-qa", "nonsense"], "nonsense: there is no task 'nonsense'"),
        (["countries-qa", "lost.yaml"], "there is no file lost.yaml"),
        (["countries-qa", "image-classification:digits", "--heads", "0"], "'0' is no number of heads"),
        (["countries-qa", "image-classification:digits", "--scale", "3"], "the scale is 3"),
        (["countries-qa", "image-classification"], "image-classification needs images"),
        (["countries-qa", "captioning:scenes"], "captioning has figures of its own"),
    ],
)
def test_what_cannot_be_is_one_line(saved, tmp_path, words, reason):
    assert_refused(run("transfer", saved, *words, "-o", tmp_path / "out"), reason)
    assert not (tmp_path / "out").exists()


def test_too_many_heads_are_one_line(saved, file, tmp_path):
    refused = run("transfer", saved, file, "--heads", "7", "-o", tmp_path / "out")
    assert_refused(refused, "one: 7 of 12 heads leave too few for random controls")
