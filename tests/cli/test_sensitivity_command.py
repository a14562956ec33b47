"""`headpursuit sensitivity` as a user types it."""

import json

import planted_words
import pytest
import tiny
from typed import assert_refused, run

from headpursuit.models import answer
from headpursuit.studies.tasks import Question, Task

FEW = ("--n-draws", 3, "--repeats", 2, "--additions", 50)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a model, a capture and word lists."""
    folder = tmp_path_factory.mktemp("place")
    model = planted_words.saved_model(folder / "model")
    planted_words.captured_of(model).save(folder / "cap")
    (folder / "planted.txt").write_text("\n".join(planted_words.CONCEPT.words))
    (folder / "short.txt").write_text("w20\nw37\nw61\n")
    (folder / "other.txt").write_text("\n".join(f"w{i}" for i in range(270, 290)))
    (folder / "synonyms.txt").write_text("w20, w21\n")
    (folder / "strange.txt").write_text("sea, ocean\n")
    return folder


def typed(place, out, *more, concept="planted.txt"):
    return run("sensitivity", place / "cap", "--concept", place / concept, "-o", out, *FEW, *more)


def test_it_prints_a_table_and_a_sentence_and_writes_a_page(place, tmp_path):
    result = typed(place, tmp_path / "out", "--synonyms", place / "synonyms.txt", "--suggestions", 4)
    assert result.exit_code == 0, result.output
    for expected in (
        "planted: agreement with the ranking of the full list (10 words, 10 tokens); by chance 0.08 of the best 1",
        "50 % of the words",
        "synonyms instead",
        "words that may be missing (nothing was added): w",
        "STABLE: ",
        f"report: {tmp_path / 'out' / 'report.html'}",
    ):
        assert expected in result.stdout
    content = json.loads((tmp_path / "out" / "result.json").read_text())
    assert content["config"]["ranking"]["n_draws"] == 3
    assert content["config"]["model"] == str(place / "model")
    assert len(content["suggestions"]) == 4
    assert (tmp_path / "out" / "report.html").is_file()
    assert_refused(typed(place, tmp_path / "out"), "exists already; choose another output")


@pytest.fixture
def task(place, monkeypatch):
    model = planted_words.planted_model()
    prompts = [tiny.text_of([7 + i, 41 + 5 * i]) for i in range(12)]
    given = answer(model, prompts, max_new_tokens=2)
    questions = tuple(
        Question(text, (right.split()[0],), "unrelated" if i % 2 else "target", "s", text, "heldout")
        for i, (text, right) in enumerate(zip(prompts, given, strict=True))
    )
    made = Task("countries-qa", planted_words.CONCEPT, questions, ("w11 w12 w13",))
    monkeypatch.setattr("headpursuit.studies.experiments.sensitivity.experiment.find_task", lambda config: made)


def test_edits_are_measured_on_a_task_and_resumed(place, task, tmp_path, monkeypatch):
    of_task = ("--task", "countries-qa", "--scale", -30, "--questions", 4, "--max-new-tokens", 2)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("headpursuit.studies.steps.arms.answers_under", interrupt)
        assert typed(place, tmp_path / "out", *of_task).exit_code == 130
    assert_refused(typed(place, tmp_path / "out", *of_task), "continue what is unfinished in it with --resume")
    assert_refused(
        typed(place, tmp_path / "out", *of_task, "--seed", 2, "--resume"), "begun with other settings (seed was"
    )
    result = typed(place, tmp_path / "out", *of_task, "--resume")
    assert result.exit_code == 0, result.output
    assert "effect" in result.stdout
    assert "full list's edit" in result.stdout
    assert "Every set of heads that was measured" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("concept", "more", "text"),
    [
        ("no-such", (), "neither a built-in concept nor a file"),
        ("short.txt", (), "short has 3 words with a token of their own, and 10% of them is none"),
        ("planted.txt", ("--synonyms", "strange.txt"), "names no word of planted (it begins with sea"),
        ("planted.txt", ("--synonyms", "none.txt"), "there is no file"),
        ("planted.txt", ("--task", "nope"), "there is no task 'nope'"),
        ("planted.txt", ("--task", "countries-qa"), "countries-qa asks for countries, and planted has none of these"),
        ("planted.txt", ("--fractions", "0,50"), "fractions are percentages between 0 and 100"),
        ("planted.txt", ("--repeats", 0), "--repeats is 0; it must be at least 1"),
        ("planted.txt", ("--heads", 13), "13 heads were asked for, but there are 12"),
        ("planted.txt", ("--dtype", "bfloat16"), "give the model and dtype that were captured"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(place, tmp_path, concept, more, text):
    more = tuple(place / m if str(m).endswith(".txt") else m for m in more)
    assert_refused(typed(place, tmp_path / "out", *more, concept=concept), text)
    assert not (tmp_path / "out").exists()


def test_a_capture_that_is_missing_or_of_another_model(place, tmp_path):
    refused = run("sensitivity", place / "no", "--concept", place / "planted.txt", "-o", tmp_path / "out")
    assert_refused(refused, "expected a capture")
    other = planted_words.planted_model(str(tmp_path / "other"), seed=1)
    other.network.save_pretrained(tmp_path / "other")
    other.tokenizer.save_pretrained(tmp_path / "other")
    assert_refused(typed(place, tmp_path / "out", "--model", tmp_path / "other"), "has another unembedding")
    (place / "model").rename(place / "moved")
    try:
        assert_refused(typed(place, tmp_path / "out"), "say where it is with --model")
        assert typed(place, tmp_path / "out", "--model", place / "moved", "--fractions", 50).exit_code == 0
    finally:
        (place / "moved").rename(place / "model")
