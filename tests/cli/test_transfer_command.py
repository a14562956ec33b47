"""`headpursuit transfer` as it is typed."""

import pytest
import tiny
import yaml
from typed import assert_refused, run

from headpursuit.cli import running
from headpursuit.models import answer
from headpursuit.studies.experiments.transfer import TransferResult
from headpursuit.studies.tasks import declared


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "tiny"
    model = tiny.word_model()
    model.network.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Three tasks in a file, each a declaration beside it; two of them are the same. The model's own answers count."""
    folder = tmp_path_factory.mktemp("tasks")
    model = tiny.word_model()
    for name, first in (("one", 0), ("again", 0), ("other", 30)):
        prompts = [tiny.text_of([5 + first + i, 40 + i, 100 + first + 2 * i]) for i in range(12)]
        said = [text.split()[0] for text in answer(model, prompts, max_new_tokens=3)]
        (folder / f"{name}.txt").write_text("w20\nw61\nw133\n" if first == 0 else "w21\nw62\nw134\n")
        rows = [{"prompt": prompt, "answer": word} for prompt, word in zip(prompts, said, strict=True)]
        target = {"rows": rows, "prompts": "{prompt}", "answers": "answer"}
        content = {"concept": f"{name}.txt", "target": target, "unrelated": "none", "settings": {"max_new_tokens": 3}}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    settings = {"heads": 2, "controls": 1, "n_draws": 4}
    tasks = [{"task": f"{name}.yaml"} for name in ("one", "again", "other")]
    (folder / "three.yaml").write_text(yaml.safe_dump({"settings": settings, "tasks": tasks}))
    return folder / "three.yaml"


def test_tables_sentences_a_page_and_the_same_again(saved, file, tmp_path, monkeypatch):
    # The tiny model's context is shorter than the shipped texts.
    monkeypatch.setattr(declared, "neutral_texts", lambda: ("w11 w12 w13 w14", "w90 w91 w92"))
    out = tmp_path / "out"
    found = run("transfer", saved, file, "--scale", "-20", "-o", out)
    assert found.exit_code == 0, found.output
    result = TransferResult.load(out)
    assert (result.config.heads, result.config.scale, result.config.controls) == ("2", -20, 1)
    for expected in ("best heads of every task, of 12", "one & again", "fraction of the score lost", "random heads"):
        assert expected in found.stdout
    assert all(sentence in found.stdout for sentence in result.sentences)
    assert f"report: {out / 'report.html'}" in found.stdout
    assert (out / "report.html").is_file()
    asked = []
    monkeypatch.setattr(running, "run_experiment", lambda _, config, *rest, **more: asked.append(config))
    again = run("transfer", saved, out / "config.json", "-o", tmp_path / "again")
    assert again.exit_code == 0, again.output
    assert asked == [result.config]


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
