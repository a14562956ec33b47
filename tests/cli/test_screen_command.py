"""`headpursuit screen`, and studies by effect, on a tiny model in a local folder, as a user types them."""

import json
from dataclasses import asdict

import causal_task
import pytest
import tiny_study
from typed import assert_refused, run

from headpursuit.analysis import Ranking
from headpursuit.heads import Head
from headpursuit.storage import read_json
from headpursuit.studies import StudyResult
from headpursuit.studies.experiments.screen import ScreenResult

SMALL = ("--n-draws", 3, "--device", "cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny"
    model = causal_task.model_of()
    model.network.save_pretrained(path)
    model.tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def declared(tmp_path_factory):
    """The folder of a task with enough questions to choose heads by."""
    folder = tmp_path_factory.mktemp("task")
    tiny_study.declare_task(folder)
    lines = [json.dumps(asdict(question)) + "\n" for question in causal_task.task_of().questions]
    (folder / "questions.jsonl").write_text("".join(lines))
    settings = {"other-concept": "shapes.txt", "max-new-tokens": tiny_study.N_NEW, "baselines": False}
    lines = [
        *(folder / "tiny-qa.yaml").read_text().splitlines(),
        f"neutral: {json.dumps(tiny_study.NEUTRAL)}",
        f"settings: {json.dumps(settings)}",
    ]
    (folder / "tiny-qa.yaml").write_text("\n".join(lines))
    (folder / "up.yaml").write_text("\n".join([*lines, "direction: enhance"]))
    return folder


def screened(task, model, out, *more):
    result = run("screen", task, model, "-o", out, *SMALL, *more)
    assert result.exit_code == 0, result.output
    return ScreenResult.load(out), result.stdout


def test_every_head_at_every_scale_beside_what_it_writes(declared, model, tmp_path):
    found, said = screened(declared / "tiny-qa.yaml", model, tmp_path / "out")
    assert {(e.head, e.scale) for e in found.effects} == {
        (Head(layer, index), scale) for layer in range(3) for index in range(4) for scale in (-1.0, 0.0)
    }
    assert (found.n_target, found.n_unrelated, found.score) == (8, 10, "specificity")
    assert "target taken" in said and str(found.best[0].head) in said
    page = (tmp_path / "out" / "report.html").read_text()
    assert found.sentences[0].split(" heads")[0] in page and "target taken" in page


def test_a_shortlist_by_a_ranker_at_scales_of_ones_own(declared, model, tmp_path):
    more = ("--among", 4, "--ranker", "gradient-answer", "--scales", "-2,0.5", "--questions", 9)
    found, _ = screened(declared / "tiny-qa.yaml", model, tmp_path / "out", *more)
    assert {e.scale for e in found.effects} == {-2.0, 0.5}
    assert found.score == "gradient-answer"
    ranking = Ranking.load(tmp_path / "out" / "ranking.json")
    assert ranking.ranker == "gradient-answer"
    assert {e.head for e in found.effects} == set(ranking.top(4)) == {each.head for each in found.writes}
    assert (found.n_target, found.n_unrelated) == (8, 9)


def test_generated_tokens_alone(declared, model, tmp_path):
    found, _ = screened(declared / "tiny-qa.yaml", model, tmp_path / "out", "--scope", "generated", "--among", 2)
    # The answers are single tokens, which come before anything is generated; neutral text stands for what is.
    assert all(e.effect.value == e.loss.value == 0 for e in found.effects)
    assert all(e.kl.value > 0 for e in found.effects)


def test_enhancement(declared, model, tmp_path):
    common = (declared / "up.yaml", model, "-o", tmp_path / "refused")
    assert_refused(run("screen", *common), "scales of enhancement are above 1, but --scales is -1,0; give scales like")
    found, said = screened(declared / "up.yaml", model, tmp_path / "out", "--scales", "3", "--among", 3)
    assert "target added" in said and "target added" in (tmp_path / "out" / "report.html").read_text()
    after = read_json(tmp_path / "out" / "heads" / f"{found.effects[0].head.site}.json")
    assert str(found.effects[0].head) in after


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--scales", "1"), "finite scales other than 1"),
        (("--scales", "nan"), "finite scales other than 1"),
        (("--scales", "2"), "scales of suppression are below 1"),
        (("--among", "99"), "99 heads were asked for, but there are 12"),
        (("--questions", "7"), "7 target facts to choose heads by, and at least 8 are needed"),
        (("--ranker", "best"), "there is no ranker 'best'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(declared, model, tmp_path, more, expected):
    assert_refused(run("screen", declared / "tiny-qa.yaml", model, "-o", tmp_path / "out", *SMALL, *more), expected)
    assert not (tmp_path / "out").exists()


def test_captions_are_not_screened(model, tmp_path):
    assert_refused(run("screen", "captioning", model, "-o", tmp_path / "out"), "captions have none")


def test_a_study_by_effect_among_the_best_of_the_ranking(declared, model, tmp_path):
    common = ("study", declared / "tiny-qa.yaml", model, "--by", "effect", "--scales", "-1,0", *SMALL)
    result = run(*common, "-o", tmp_path / "out", "--damage", 0.9, "--controls", 1, "--among", 11)
    assert result.exit_code == 0, result.output
    found = StudyResult.load(tmp_path / "out")
    assert found.grown.n_screened == 11
    assert set(found.rescaled) <= set(found.ranking.top(11))
    assert_refused(run(*common, "-o", tmp_path / "more", "--among", 99), "99 heads were asked for, but there are 12")
    assert not (tmp_path / "more").exists()
