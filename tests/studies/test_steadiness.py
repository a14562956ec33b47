"""A study's best heads, ranked anew of resampled prompts."""

import json

import pytest
from tiny_study import tiny_config

from headpursuit.report.pages import answers as page
from headpursuit.studies import StudyResult, study
from headpursuit.studies.figures.firmness import FEWEST_FACTS, jaccard
from headpursuit.studies.judging.steadiness import steady
from headpursuit.studies.steps import steadiness


@pytest.fixture(scope="module")
def resampled(model, words, tmp_path_factory):
    folder = tmp_path_factory.mktemp("resampled") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steadiness, "FEWEST_FACTS", 2)
        return study(model, tiny_config(words, bootstraps=6, controls=1), folder), folder


def test_best_heads_of_resamples_stand_beside_those_of_all_prompts(resampled):
    result, folder = resampled
    found = result.steadiness
    assert found.heads == tuple(map(str, result.ranking.top(2)))
    assert (found.n_resamples, found.n_facts) == (6, 2)
    drawn = [json.loads((folder / "resampled" / f"{number:03d}.json").read_text()) for number in range(1, 7)]
    assert found.jaccard.value == pytest.approx(sum(jaccard(found.heads, heads) for heads in drawn) / 6)
    assert found.often[drawn[0][0]] == sum(drawn[0][0] in heads for heads in drawn) / 6
    assert StudyResult.load(folder) == result
    assert steady(found) in page.page(folder).text()


def test_too_few_facts_are_said(finished, model, words, tmp_path):
    assert finished[0].steadiness is None
    result = study(model, tiny_config(words, bootstraps=2, controls=1), tmp_path / "study")
    assert result.steadiness is None
    assert f"Too few facts to resample the ranking prompts: 2, where {FEWEST_FACTS} are needed." in result.remarks
