"""Sensitivity to the word list, on a model of which one head writes the concept."""

import json
from dataclasses import replace

import planted_words
import pytest
import tiny
from planted_words import CONCEPT, PLANTED

from headpursuit.analysis import RankConfig, Ranking, rank
from headpursuit.concepts import Concept
from headpursuit.models import tokens_of, vocabulary_words
from headpursuit.storage import read_json
from headpursuit.studies.experiments.sensitivity import SensitivityConfig, SensitivityResult, study_sensitivity
from headpursuit.studies.experiments.sensitivity.comparing import Comparison
from headpursuit.studies.experiments.sensitivity.sentences import conclude
from headpursuit.studies.experiments.sensitivity.variants import plan_variants

CONFIG = SensitivityConfig(
    "planted", "cap", "tiny-planted", ranking=RankConfig(n_draws=8), repeats=3, additions=(20.0, 50.0), suggestions=5
)


@pytest.fixture(scope="module")
def model():
    return planted_words.planted_model()


@pytest.fixture(scope="module")
def captured(model):
    return planted_words.captured_of(model)


@pytest.fixture(scope="module")
def finished(model, captured, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sensitivity") / "out"
    return study_sensitivity(model, captured, CONFIG, folder, concept=CONCEPT), folder


def variants(model, config=CONFIG, concept=CONCEPT, synonyms=None):
    return plan_variants(model, tokens_of(model, concept), config, vocabulary_words(model), synonyms or {})


@pytest.fixture(scope="module")
def made(model):
    return variants(model)[0]


def test_every_kind_of_list_is_made(model):
    made, remarks = variants(model)
    counts = {}
    for variant in made:
        counts.setdefault(variant.label, []).append(len(variant.found.token_ids))
    assert counts == {
        "full list": [10],
        "full list again": [10] * 3,
        "10 % of the words": [1] * 3,
        "25 % of the words": [2] * 3,
        "50 % of the words": [5] * 3,
        "75 % of the words": [7] * 3,
        "90 % of the words": [9] * 3,
        "+ 20 % random words": [12] * 3,
        "+ 50 % random words": [15] * 3,
        "random words only": [10] * 3,
        "several tokens: the first": [10],
        "without leading space only": [10],
        "as written only": [10],
        "lower case only": [10],
        "with leading space only": [10],
    }
    assert remarks == ("The other built-in concepts have too few words with a token of this vocabulary to add.",)


def test_draws_differ_from_each_other_and_not_from_run_to_run(model, made):
    assert variants(model)[0] == made
    for kind in ("subsample", "random words", "shuffled"):
        drawn = [v.found.token_ids for v in made if v.kind == kind]
        assert len(set(drawn)) == len(drawn)
    other = variants(model, replace(CONFIG, seed=1, additions=()))[0]
    assert [v.found for v in other if v.kind == "shuffled"] != [v.found for v in made if v.kind == "shuffled"]


def test_what_is_drawn_does_not_depend_on_what_else_is_asked_for(model, made):
    fewer = variants(model, replace(CONFIG, fractions=(50.0,), additions=(), repeats=2))[0]
    drawn = [v.found.token_ids for v in made if v.label == "50 % of the words"]
    assert [v.found.token_ids for v in fewer if v.kind == "subsample"] == drawn[:2]


def test_words_of_other_concepts_are_added_where_the_vocabulary_has_them():
    model = tiny.language_model("llama", (" red", " dog", " cow", " sea", " oak", " hat", " Monday"))
    concept = Concept("things", ("sea", "oak", "hat"))
    config = replace(CONFIG, fractions=(50.0,), additions=(50.0,))
    made, remarks = variants(model, config, concept)
    added = [v.found for v in made if v.kind == "other concepts"]
    assert remarks == ("No token is left of the list without leading space only.",)
    assert len(added) == 3
    for found in added:
        assert {"sea", "oak", "hat"} < set(found.concept.words)
        known = {"sea", "oak", "hat", "red", "dog", "cow", "Monday"}
        assert all(word in known or word.isdigit() for word in found.concept.words)


def test_synonyms_stand_for_their_words_and_beside_them(model):
    given = {"w20": ("w21", "nonsense"), "w37": ("w38",)}
    made = {v.label: v.found for v in variants(model, replace(CONFIG, additions=()), synonyms=given)[0]}
    ours = set(planted_words.TOKENS)
    assert set(made["synonyms instead"].token_ids) == ours - {20, 37} | {21, 38}
    assert set(made["synonyms added"].token_ids) == ours | {21, 38}


def test_the_planted_head_survives_half_the_list_and_no_random_words(finished):
    result, _ = finished
    assert result.outcome == "stable"
    assert result.stable_from in (0.1, 0.25, 0.5)
    assert "of the words suffice" in result.sentence or "Half the words suffice" in result.sentence
    full, draws = result.agreements[:2]
    assert (full.overlap.value, full.overlap_more.value, full.spearman.value) == (1, 1, pytest.approx(1))
    assert draws.overlap.value == 1
    assert draws.spearman.value < 1
    assert result.of("shuffled")[0].overlap.value < 0.5
    assert result.of("shuffled")[0].spearman.value < draws.spearman.value
    assert all(d.heads == (str(PLANTED),) for d in result.draws if d.level == 0.9)


def test_every_draw_is_what_rank_says_of_its_list(model, captured, finished, made):
    result, _ = finished
    full = rank(model, captured, CONCEPT, CONFIG.ranking)
    for variant, draw in zip(made, result.draws, strict=True):
        words = variant.found.concept
        ranking = rank(model, captured, words, replace(CONFIG.ranking, seed=variant.seed))
        assert draw.heads == (str(ranking.entries[0].head),)
        assert draw.overlap == (ranking.entries[0].head == full.entries[0].head)
        best = [{e.head for e in r.entries[:10]} for r in (ranking, full)]
        assert draw.overlap_more == len(best[0] & best[1]) / 10
        assert (draw.n_words, draw.n_tokens) == (len(words.words), len(ranking.tokens))


def test_means_and_chance(finished):
    result, _ = finished
    assert (result.n_heads, result.edit_heads, result.more_heads, result.n_top) == (12, 1, 10, 10)
    assert (result.chance, result.chance_more) == (1 / 12, 10 / 12)
    for row in result.agreements:
        draws = [d for d in result.draws if d.label == row.label]
        assert row.n_draws == len(draws)
        assert row.overlap.value == pytest.approx(sum(d.overlap for d in draws) / len(draws))
        assert row.same_edit.value == pytest.approx(sum(d.same_edit for d in draws) / len(draws))
        assert row.spearman.low <= row.spearman.value <= row.spearman.high


def test_left_out_words_are_looked_for_among_the_suggestions(finished, model):
    result, _ = finished
    assert all((row.found_again is not None) == (row.kind == "subsample") for row in result.agreements)
    assert len(result.suggestions) == 5
    assert not {s.word for s in result.suggestions} & set(CONCEPT.words)


def test_the_ranking_of_the_full_list_is_kept(finished, model, captured):
    kept = Ranking.load(finished[1] / "ranking.json")
    assert kept == rank(model, captured, CONCEPT, CONFIG.ranking)


def second_breaks(rank_some):
    """Works once, then is interrupted."""
    calls = []

    def some(*arguments):
        calls.append(arguments)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return rank_some(*arguments)

    return some


def test_an_interrupted_one_goes_on_with_what_is_kept(model, captured, tmp_path, monkeypatch):
    out, few = tmp_path / "out", replace(CONFIG, additions=(), suggestions=0)
    with monkeypatch.context() as patch:
        patch.setattr(Comparison, "some", second_breaks(Comparison.some))
        with pytest.raises(KeyboardInterrupt):
            study_sensitivity(model, captured, few, out, concept=CONCEPT)
    assert [file.name for file in (out / "draws").iterdir()] == ["1.json"]
    words = replace(CONCEPT, words=(*CONCEPT.words, "w21"))
    with pytest.raises(ValueError, match="begun with other words .inputs.json.; give the same, or choose"):
        study_sensitivity(model, captured, few, out, concept=words, resume=True)
    begun = (out / "draws" / "1.json").stat().st_mtime_ns
    study_sensitivity(model, captured, few, out, concept=CONCEPT, resume=True)
    assert (out / "draws" / "1.json").stat().st_mtime_ns == begun


def test_what_cannot_be_done_leaves_no_folder(model, captured, tmp_path):
    out = tmp_path / "out"
    short = Concept("short", ("w20", "w37", "w61"))
    with pytest.raises(
        ValueError, match="short has 3 words .* 10% of them is none; give larger fractions .`fractions="
    ):
        study_sensitivity(model, captured, CONFIG, out, concept=short)
    single = Concept("single", ("w20",))
    with pytest.raises(ValueError, match="single has 1 words .* is none; give more words"):
        study_sensitivity(model, captured, CONFIG, out, concept=single)
    with pytest.raises(ValueError, match="the capture was made with tiny-planted .* has another unembedding"):
        study_sensitivity(planted_words.planted_model(seed=1), captured, CONFIG, out, concept=CONCEPT)
    with pytest.raises(ValueError, match="13 heads were asked for, but there are 12"):
        study_sensitivity(model, captured, replace(CONFIG, heads="13"), out, concept=CONCEPT)
    assert not out.exists()


def test_three_words_can_be_subsampled_by_large_fractions(model, captured, tmp_path):
    short = Concept("short", ("w20", "w37", "w61"))
    config = replace(CONFIG, fractions=(50.0, 90.0), additions=())
    result = study_sensitivity(model, captured, config, tmp_path / "out", concept=short)
    assert [row.n_words for row in result.of("subsample")] == [1, 2]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fractions": (10.0, 100.0)}, "fractions are percentages between 0 and 100, but 10,100 was given"),
        ({"fractions": (0.0,)}, "fractions are percentages between 0 and 100"),
        ({"fractions": ()}, "there are no fractions"),
        ({"additions": (200.0,)}, "additions are percentages above 0, at most 100"),
        ({"repeats": 0}, "`repeats` is 0; it must be at least 1"),
        ({"stable": 1.5}, "stable is 1.5; it is an overlap above 0 and at most 1"),
        ({"suggestions": -1}, "`suggestions` is -1"),
        ({"scale": 1.0}, "the scale is 1; give a finite number other than 1"),
        ({"heads": "many"}, "cannot read 'many' as a number of heads"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        replace(CONFIG, **changes)


def with_overlaps(result, **overlaps):
    rows = []
    for row in result.agreements:
        value = overlaps.get(row.kind, 1.0)
        rows.append(replace(row, overlap=replace(row.overlap, value=value if value != "level" else row.level)))
    return conclude(rows, 2, 0.01, 0.8)


def test_conclusions(finished):
    result, _ = finished
    random = {"shuffled": 0.1}
    level, outcome, sentence = with_overlaps(result, subsample="level", **random)
    assert (level, outcome) == (0.9, "stable")
    assert "90% of the words suffice: from there on the mean overlap of the edit's 2 heads" in sentence
    assert "(0.90 there; chance 0.01, random words 0.10)" in sentence
    level, outcome, sentence = with_overlaps(result, subsample=0.5, **random)
    assert (level, outcome) == (None, "depends on the list")
    assert "with 90% of the words the mean overlap of the edit's 2 heads is 0.50, below 0.80" in sentence
    assert sentence.endswith("do not trust it.")
    assert with_overlaps(result, shuffled=0.6)[1] == "not about the words"
    assert with_overlaps(result, draws=0.7, shuffled=0.6)[1] == "noisy"
    sentence = with_overlaps(result, tokenisation=0.5, **random)[2]
    assert "Other heads come out with: several tokens: the first (0.50), with leading" in sentence


def test_a_result_of_something_else_is_refused(finished, tmp_path):
    content = read_json(finished[1] / "result.json")
    assert content["outcome"] == "stable"
    with pytest.raises(FileNotFoundError, match="expected a sensitivity study"):
        SensitivityResult.load(tmp_path / "none")
    assert json.loads((finished[1] / "manifest.json").read_text())["kind"] == "sensitivity study"
