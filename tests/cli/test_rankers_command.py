"""`headpursuit rankers` on a tiny model in a local folder, as a user types it."""

import re

import pytest
import tiny
from typed import assert_refused, run

from headpursuit.concepts import Concept
from headpursuit.models import answer
from headpursuit.storage import read_json
from headpursuit.studies import StudyConfig
from headpursuit.studies.experiments.rankers import RankersConfig, RankersResult
from headpursuit.studies.tasks import Question, Task


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny"
    model = tiny.word_model()
    model.network.save_pretrained(path)
    model.tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module", autouse=True)
def only_tasks():
    """Two small tasks whose accepted answers are the model's own."""
    model, tasks = tiny.word_model(), {}
    for name, first in (("one", 0), ("two", 5)):
        prompts = [tiny.text_of([5 + first + i, 40 + 7 * i, 100 + 3 * i]) for i in range(16)]
        said = [text.split()[0] for text in answer(model, prompts, max_new_tokens=3)]
        questions = [
            Question(p, (w,), "unrelated" if i >= 12 else "target", "s", f"{i}", "ranking" if i < 6 else "heldout")
            for i, (p, w) in enumerate(zip(prompts, said, strict=True))
        ]
        words = Concept("said", tuple(dict.fromkeys([*said[:6], "w20", "w61", "w133"])))
        tasks[name] = Task(name, words, tuple(questions), ("w11 w12 w13 w14",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RankersConfig, "find_tasks", lambda self: tuple(tasks[name] for name in self.tasks))
        patch.setattr(RankersConfig, "study", lambda self, task: StudyConfig(task, self.model, max_new_tokens=3))
        yield


SMALL = ("--rankers", "logit-lens,linear-probe,nonlinear-probe,random", "--heads", "1,2", "--n-draws", 2, "--draws", 2)


def test_one_task_ends_with_a_table_sentences_and_a_page(folder, tmp_path):
    result = run("rankers", "one", folder, "-o", tmp_path / "out", *SMALL, "--scale", "-20", "--device", "cpu")
    assert result.exit_code == 0, result.output
    for text in ("specificity", "logit-lens", "against the default", "seconds", "Linear methods lose", "comparisons"):
        assert text in result.stdout
    found = RankersResult.load(tmp_path / "out")
    assert found.config.scales == (-20.0,)
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"report: {tmp_path / 'out' / 'report.html'}" in result.stdout
    for row in found.tasks[0].rows:
        assert row.ranker in page
    assert found.tasks[0].sentences[1].replace("'", "&#39;") in page
    assert page.count("data:image/svg+xml;base64,") == 2
    assert not re.findall(r'(?:src|href)="(?!data:|#|https://arxiv)', page)
    assert len(page) < 600_000


def test_several_tasks_are_compared_together(folder, tmp_path):
    result = run("rankers", "one,two", folder, "-o", tmp_path / "out", *SMALL, "--questions", 3, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "mean place" in result.stdout
    assert "Over 2 tasks and all numbers of heads" in result.stdout
    assert set(read_json(tmp_path / "out" / "result.json")["mean_ranks"]) == {"specificity", *SMALL[1].split(",")}


def test_what_cannot_be_is_refused_in_one_line(folder, tmp_path):
    common = (folder, "-o", tmp_path / "out")
    assert_refused(run("rankers", "one", *common, "--rankers", "best"), "there is no ranker 'best'; there is spec")
    assert_refused(run("rankers", "one", *common, "--scale", "1"), "scales are finite numbers other than 1")
    assert_refused(run("rankers", "one,one", *common), "a task is named twice in one, one")
    (tmp_path / "out").mkdir()
    assert_refused(run("rankers", "one", *common), "exists already; choose another output")
    assert_refused(run("rankers", "one", *common, "--resume"), "is no rankers")
    assert_refused(run("rankers", "one", tmp_path / "none", "-o", tmp_path / "new"), "none")
