"""Studies whose heads another ranker puts in order."""

import json
import math
from dataclasses import replace

import pytest
from tiny_study import tiny_config

from headpursuit.analysis import Capture, RankConfig, Ranking
from headpursuit.analysis.rankers import find_ranker
from headpursuit.report import render
from headpursuit.studies import StudyResult, study
from headpursuit.studies.planning import plan_study
from headpursuit.studies.settings import command, usual_config
from headpursuit.studies.steps.ranked import check_ranker, evidence_of

pytestmark = pytest.mark.usefixtures("blank_pictures")


@pytest.fixture(scope="module")
def aligned(model, words, tmp_path_factory):
    folder = tmp_path_factory.mktemp("aligned") / "study"
    return study(model, tiny_config(words, ranker="alignment"), folder), folder


def test_the_edit_is_the_rankers_best_heads(aligned, finished, model, task, words):
    result, folder = aligned
    config = tiny_config(words, ranker="alignment")
    evidence = evidence_of(model, task, task.words, config, Capture.load(folder / "capture"))
    order = find_ranker("alignment").order(evidence)
    assert [entry.head for entry in result.ranking.entries] == list(order)
    assert result.arms_of("edit")[0].heads == tuple(map(str, sorted(order[:2])))
    assert [entry.head for entry in finished[0].ranking.entries] != list(order)


def test_the_rankers_scores_stand_beside_those_of_pursuit(aligned, finished):
    ranking, plain = aligned[0].ranking, finished[0].ranking
    assert ranking.score == ranking.ranker == "alignment"
    assert ranking.by_head("specificity") == pytest.approx(plain.by_head("specificity"))
    assert list(ranking.by_head().values()) == sorted(ranking.by_head().values(), reverse=True)
    assert plain.score == "specificity"
    assert plain.by_head() == plain.by_head("specificity")
    assert all(entry.ranker_score is None for entry in plain.entries)
    assert (
        StudyResult.load(aligned[1]).ranking == ranking == Ranking.from_json(json.loads(json.dumps(ranking.to_json())))
    )


def test_the_other_concept_is_ranked_by_its_words(aligned, finished):
    """No answer names it, so no ranker that needs answers can rank it."""
    assert Ranking.load(aligned[1] / "other-ranking.json") == Ranking.load(finished[1] / "other-ranking.json")


def test_the_page_shows_what_put_the_heads_in_order(aligned):
    page = render(aligned[1]).read_text()
    assert "in the order of alignment" in page
    assert '<th scope="col" data-sort="alignment">alignment</th>' in page
    assert '<select id="score">\n<option value="alignment">' in page  # what the map shows at first
    best = aligned[0].ranking.entries[0]
    assert f"<td>{best.ranker_score:.3g}</td>" in page
    assert f"alignment {best.ranker_score:.3f}" in page  # in the head's label
    assert "heads are ranked by alignment, cosine with what lifts the answer" in page


def test_the_command_names_the_ranker(words, tmp_path):
    config = usual_config(str(words / "tiny-qa.yaml"), "tiny", ranker="alignment")
    assert "--ranker alignment" in command(config, tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ranker": "best"}, "there is no ranker 'best'; there is specificity, "),
        ({"ranker": "explained"}, "explained is what pursuit scores; give it as the score"),
        (
            {"ranker": "alignment", "ranking": RankConfig(score="explained")},
            "either a score or a ranker puts heads in order",
        ),
    ],
)
def test_rankers_that_cannot_be_are_refused(words, changes, reason):
    with pytest.raises(ValueError, match=reason):
        tiny_config(words, **changes)


def test_a_ranker_that_needs_answers_says_so_before_anything_is_written(model, task, words, tmp_path):
    questions = tuple(replace(q, answers=()) if q.group == "target" else q for q in task.questions)
    silent = replace(task, questions=questions, metric="names-concept")
    reason = "alignment needs the right answers of the ranking prompts, and 4 of 4 of tiny-qa have none"
    with pytest.raises(ValueError, match=reason):
        study(model, tiny_config(words, ranker="alignment"), tmp_path / "study", task=silent)
    assert not (tmp_path / "study").exists()


def test_captions_have_no_right_answers(model, task, words):
    config = replace(tiny_config(words, ranker="alignment"), task="captioning")
    with pytest.raises(ValueError, match="choose another ranker"):
        check_ranker(model, task, config)
    check_ranker(model, task, replace(config, ranker="logit-lens"))


def test_scores_that_are_no_numbers_are_refused(finished):
    ranking = finished[0].ranking
    scores = dict.fromkeys(ranking.by_head(), 1.0)
    assert ranking.sorted_by("mine", scores).top(1) == (min(scores),)
    with pytest.raises(ValueError, match="mine gives some heads an infinite or undefined score"):
        ranking.sorted_by("mine", {**scores, min(scores): math.nan})


def test_a_tasks_file_can_name_its_ranker(words):
    text = (words / "tiny-qa.yaml").read_text()
    (words / "aligned-qa.yaml").write_text(f"{text}settings: {{ranker: alignment}}\n")
    assert usual_config(str(words / "aligned-qa.yaml"), "tiny").ranker == "alignment"


def test_a_plan_says_that_the_ranker_is_not_counted(model, task, words):
    remarks = plan_study(model, task, tiny_config(words, ranker="alignment")).remarks
    assert "What alignment takes to score the heads is not counted." in remarks
