"""Studies whose heads another ranker puts in order."""

import json
from dataclasses import replace

import pytest
from tiny_study import tiny_config

from headpursuit.analysis import Capture, Ranking
from headpursuit.analysis.rankers import find_ranker
from headpursuit.report import render
from headpursuit.studies import StudyResult, study
from headpursuit.studies.ranked import evidence_of
from headpursuit.studies.settings import command, usual_config


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
    assert ranking.scores("specificity") == pytest.approx(plain.scores("specificity"))
    assert list(ranking.scores().values()) == sorted(ranking.scores().values(), reverse=True)
    assert plain.score == "specificity"
    assert plain.scores() == plain.scores("specificity")
    assert all(entry.score is None for entry in plain.entries)
    assert (
        StudyResult.load(aligned[1]).ranking == ranking == Ranking.from_json(json.loads(json.dumps(ranking.to_json())))
    )


def test_the_other_concept_is_ranked_by_its_words(aligned, finished):
    """No answer names it, so no ranker that needs answers can rank it."""
    assert Ranking.load(aligned[1] / "other-ranking.json") == Ranking.load(finished[1] / "other-ranking.json")


def test_the_page_shows_what_put_the_heads_in_order(aligned):
    page = render(aligned[1]).read_text()
    assert "heads by alignment" in page
    assert '<th scope="col">alignment</th>' in page
    assert 'value="alignment" checked' in page
    best = aligned[0].ranking.entries[0]
    assert f"<td>{best.score:.3f}</td>".replace("-", "−") in page


def test_the_command_names_the_ranker(words, tmp_path):
    config = usual_config(str(words / "tiny-qa.yaml"), "tiny", ranker="alignment")
    assert "--ranker alignment" in command(config, tmp_path / "out")


def test_an_unknown_ranker_is_refused(words):
    with pytest.raises(ValueError, match="there is no ranker 'best'; there is specificity, "):
        tiny_config(words, ranker="best")


def test_a_ranker_that_needs_answers_says_so(model, task, words, tmp_path):
    silent = replace(
        task,
        questions=tuple(replace(q, answers=()) if q.group == "target" else q for q in task.questions),
        metric="names-concept",
    )
    config = tiny_config(words, ranker="alignment")
    with pytest.raises(
        ValueError, match="alignment cannot rank heads on tiny-qa: the right answers of its ranking .* another --ranker"
    ):
        study(model, config, tmp_path / "study", task=silent)
