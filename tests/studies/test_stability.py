"""Stability cards on a tiny model of which one head writes the concept."""

from dataclasses import replace

import planted_words
import pytest
import tiny
import torch

from headpursuit.analysis import CaptureConfig, RankConfig, capture, rank
from headpursuit.studies.experiments.stability import Firmness, StabilityConfig, StabilityResult, study_stability
from headpursuit.studies.experiments.stability.experiment import other_settings, word_of
from headpursuit.studies.experiments.stability.result import StabilityRow
from headpursuit.studies.figures.firmness import firmness, jaccard
from headpursuit.studies.results import Estimate
from headpursuit.studies.steps.resampling import bootstraps, by_phrasing, of_rows
from headpursuit.studies.tasks import Question, Task

WAYS = ("It is {x}", "Now {x}")
CONFIG = StabilityConfig("planted", "tiny", "1", RankConfig(n_draws=4), bootstraps=6, seeds=2, null_lists=2)


def task_of(n_facts=12):
    """Two phrasings of each fact; what is asked does not matter to a ranking."""
    questions = [
        Question(
            tiny.text_of([5 + i + 100 * way, 40 + 7 * i, 100 + 3 * i]),
            ("w20",),
            "target",
            "s",
            f"fact {i}",
            "ranking",
            phrasing=text,
        )
        for i in range(n_facts)
        for way, text in enumerate(WAYS)
    ]
    held_out = Question("w7 w8", ("w20",), "target", "s", "another", "heldout")
    return Task("planted", planted_words.CONCEPT, (*questions, held_out), ("w11 w12 w13",))


@pytest.fixture(scope="module")
def model():
    return planted_words.planted_model()


@pytest.fixture(scope="module")
def captured(model):
    return capture(model, task_of().ranking_prompts, CaptureConfig("last", samples=100))


@pytest.fixture(scope="module")
def card(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cards") / "card"
    return study_stability(model, CONFIG, folder, task=task_of()), folder


def test_a_capture_of_all_rows_is_the_capture(captured):
    found = of_rows(captured, torch.arange(24))
    for site, moments in captured.moments.items():
        torch.testing.assert_close(found.moments[site].second, moments.second, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(found.moments[site].total, moments.total, rtol=1e-4, atol=1e-6)
        assert found.moments[site].count == moments.count == 24


def test_a_resample_is_a_capture_of_its_prompts(model, captured):
    questions = task_of().ranking_questions
    rows = list(bootstraps(captured, questions, 3, seed=0))
    for some in rows:
        drawn = [questions[i] for i in some.tolist()]
        assert len(drawn) == 24
        assert {sum(q.phrasing == way for q in drawn) for way in WAYS} == {12}  # whole facts
    again = capture(model, [questions[i].prompt for i in rows[0].tolist()], CaptureConfig("last"))
    found = of_rows(captured, rows[0])
    for site, moments in again.moments.items():
        torch.testing.assert_close(found.moments[site].second, moments.second, rtol=1e-4, atol=1e-6)
    assert len({tuple(some.tolist()) for some in rows}) == 3


def test_phrasings_are_told_apart(captured):
    found = by_phrasing(captured, task_of().ranking_questions)
    assert {way: rows.tolist() for way, rows in found.items()} == {
        WAYS[0]: list(range(0, 24, 2)),
        WAYS[1]: list(range(1, 24, 2)),
    }
    alone = [replace(q, phrasing="") for q in task_of().ranking_questions]
    assert by_phrasing(captured, alone) == {}


def test_positions_that_were_not_kept_are_refused(model):
    few = capture(model, task_of().ranking_prompts, CaptureConfig("last", samples=3))
    with pytest.raises(ValueError, match="did not keep all its positions one by one"):
        of_rows(few, torch.arange(3))


def test_a_planted_head_is_found_whatever_is_varied(card, model, captured):
    result, folder = card
    assert result.heads == ("L1H2",) == tuple(map(str, rank(model, captured, planted_words.CONCEPT).top(1)))
    assert {row.kind: row.n_variants for row in result.rows} == {
        "prompts": 6,
        "phrasings": 2,
        "settings": 7,
        "seeds": 2,
    }
    by_kind = {row.kind: row for row in result.rows}
    assert by_kind["prompts"].jaccard.value == by_kind["seeds"].jaccard.value == 1
    assert result.often == {"L1H2": 1.0}
    assert (result.n_prompts, result.n_facts) == (24, 12)
    assert f"heads for planted are {result.word}" in result.sentences[0].replace(
        "head for planted are", "heads for planted are"
    )
    assert StabilityResult.load(folder) == result


def test_heads_of_each_variant_are_those_of_a_ranking_with_its_settings(card, model, captured):
    result, _ = card
    by_name = {each.name: each for each in result.alternatives}
    for name, how in other_settings(CONFIG.ranking):
        expected = rank(model, captured, planted_words.CONCEPT, how).top(1)
        assert by_name[name].heads == tuple(map(str, expected))
    whole = capture(model, task_of().ranking_prompts, CaptureConfig("prompt"))
    expected = rank(model, whole, planted_words.CONCEPT, CONFIG.ranking).top(1)
    assert by_name["positions prompt"].heads == tuple(map(str, expected))


def test_indices_are_of_sets():
    assert jaccard(("a", "b"), ("b", "a")) == 1
    assert jaccard(("a", "b"), ("b", "c")) == pytest.approx(1 / 3)
    assert jaccard(("a",), ("c",)) == 0


@pytest.mark.parametrize(
    ("interval", "word"),
    [((0.8, 1.0), Firmness.STABLE), ((0.5, 0.79), Firmness.UNSTABLE), ((0.5, 0.9), Firmness.UNDECIDED)],
)
def test_the_interval_decides_the_word_of_a_row(interval, word):
    assert firmness(Estimate(0.7, *interval), 0.8) == word


@pytest.mark.parametrize(
    ("prompts", "settings", "word"),
    [
        ((0.95, 0.85, 1.0), (0.9, 0.5, 1.0), Firmness.STABLE),
        ((0.95, 0.85, 1.0), (0.7, 0.5, 1.0), Firmness.UNDECIDED),
        ((0.9, 0.7, 1.0), (0.9, 0.5, 1.0), Firmness.UNDECIDED),
        ((0.95, 0.85, 1.0), (0.3, 0.1, 0.5), Firmness.UNSTABLE),
        ((0.5, 0.4, 0.6), (1.0, 0.9, 1.0), Firmness.UNSTABLE),
    ],
)
def test_a_card_is_as_firm_as_what_is_varied(prompts, settings, word):
    rows = [
        StabilityRow(kind, 5, Estimate(*found), Estimate(*found), firmness(Estimate(*found), 0.8))
        for kind, found in (("prompts", prompts), ("settings", settings))
    ]
    assert word_of(rows, 0.8) == word


def test_too_few_facts_are_refused(model, tmp_path):
    with pytest.raises(ValueError, match="planted has ranking prompts about 7 facts; .* needs at least 8"):
        study_stability(model, CONFIG, tmp_path / "x", task=task_of(7))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stable": 1.0}, "`stable` is 1; it is a Jaccard index"),
        ({"bootstraps": 1}, "must be at least 2"),
        ({"heads": "0"}, "no number of heads"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        replace(CONFIG, **changes)
