import json
from dataclasses import replace

import pytest
import tiny
import torch
from oracle import plain_somp

from headpursuit.analysis import CaptureConfig, RankConfig, RankedHead, Ranking, capture, count_of, rank
from headpursuit.concepts import Concept
from headpursuit.heads import Edit, Head
from headpursuit.models import LanguageModel

IDS = [[5 + i, 40 + 7 * i, 100 + 3 * i] for i in range(8)]
PROMPTS = [tiny.text_of(ids) for ids in IDS]
TOKENS = (20, 61, 133, 207)
CONCEPT = Concept("planted", tuple(f"w{i}" for i in TOKENS))
OTHERS = [Concept(f"other-{i}", tuple(f"w{i + 15 * j}" for j in range(4))) for i in range(210, 220)]
PLANTED = Head(1, 2)


def planted_model(gain=False):
    """A network of which one head writes nothing but the concept's token directions."""
    network = tiny.network("llama")
    directions = network.lm_head.weight.data[list(TOKENS)]
    if gain:
        network.model.norm.weight.data = 0.2 + torch.arange(32) % 5
        directions = directions * network.model.norm.weight.data
    mix = torch.randn(len(TOKENS), 8, generator=torch.Generator().manual_seed(0))
    network.model.layers[1].self_attn.o_proj.weight.data[:, 16:24] = directions.T @ mix
    return LanguageModel(network, tiny.word_tokenizer(), "tiny-llama")


@pytest.fixture(scope="module")
def model():
    return planted_model()


@pytest.fixture(scope="module")
def captured(model):
    return capture(model, PROMPTS, CaptureConfig("prompt"))


@pytest.mark.parametrize("rule", ["l1", "l2", "forward"])
@pytest.mark.parametrize("score", ["specificity", "explained"])
def test_the_head_that_writes_the_concept_is_first(model, captured, score, rule):
    first, second = rank(model, captured, CONCEPT, RankConfig(score, rule)).entries[:2]
    assert first.head == PLANTED
    assert first.explained == pytest.approx(1, abs=1e-5)
    assert first.z > 10
    assert second.z < first.z / 2
    assert second.explained < 0.8


def test_other_concepts_do_not_put_it_first(model, captured):
    rankings = [rank(model, captured, concept) for concept in OTHERS]
    planted = [next(e for e in ranking.entries if e.head == PLANTED) for ranking in rankings]
    assert sum(ranking.entries[0].head == PLANTED for ranking in rankings) <= 3
    assert max(e.z for e in planted) < 4
    assert max(e.explained for e in planted) < 0.8


def test_directions_before_the_final_norm_are_found_with_the_gain():
    model = planted_model(gain=True)
    captured = capture(model, PROMPTS, CaptureConfig("prompt"))
    with_gain, without = (rank(model, captured, CONCEPT, RankConfig(gain=gain)) for gain in (True, False))
    assert with_gain.top(1) == (PLANTED,)
    assert with_gain.entries[0].explained == pytest.approx(1, abs=1e-5)
    assert without.entries[0].explained < 0.99


@pytest.mark.parametrize("centre", [False, True])
def test_explained_is_the_plain_algorithms_with_the_concepts_tokens_alone(model, captured, centre):
    ranking = rank(model, captured, CONCEPT, RankConfig(n_atoms=3, centre=centre))
    assert len(ranking.entries) == 12
    atoms = model.network.lm_head.weight.data[list(TOKENS)]
    for entry in ranking.entries:
        layer, index = entry.head.layer, entry.head.index
        z = torch.cat([tiny.mixed_of(model.network, "llama", ids)[entry.head.site][:, index] for ids in IDS])
        weight = model.network.model.layers[layer].self_attn.o_proj.weight.data[:, 8 * index : 8 * index + 8]
        h = z.double() @ weight.T.double()
        wanted = plain_somp(h - h.mean(0) if centre else h, atoms, 3, "l2")[1][-1]
        assert entry.explained == pytest.approx(wanted, abs=1e-5)


def test_specificity_is_explained_less_what_random_dictionaries_explain(model, captured):
    few, many = (rank(model, captured, CONCEPT, RankConfig(n_draws=n)) for n in (200, 300))
    for entry in few.entries:
        same = next(e for e in many.entries if e.head == entry.head)
        assert 0 < entry.explained - entry.specificity < 0.6
        assert same.specificity == pytest.approx(entry.specificity, abs=0.03)


@pytest.mark.parametrize("score", ["specificity", "explained"])
def test_the_best_score_comes_first(model, captured, score):
    scores = [getattr(entry, score) for entry in rank(model, captured, CONCEPT, RankConfig(score)).entries]
    assert scores == sorted(scores, reverse=True)


def test_the_same_seed_gives_the_same_ranking_and_another_seed_other_draws(model, captured):
    one, again, other = (rank(model, captured, CONCEPT, RankConfig(seed=seed)) for seed in (3, 3, 4))
    assert one == again
    assert {e.head: e.explained for e in other.entries} == {e.head: e.explained for e in one.entries}
    assert {e.head: e.specificity for e in other.entries} != {e.head: e.specificity for e in one.entries}


def test_every_head_has_its_p_and_q(model, captured):
    ranking = rank(model, captured, CONCEPT, RankConfig(n_draws=39))
    first = ranking.entries[0]
    assert (first.head, first.p) == (PLANTED, 1 / 40)
    assert first.q == pytest.approx(12 / (1 + 12 * 39))
    assert ranking.found() == (PLANTED,)
    assert set(ranking.found(1.0)) == {entry.head for entry in ranking.entries}


def test_the_null_decides_which_tokens_a_concept_is_compared_with(model, captured):
    any_tokens, matched = (rank(model, captured, CONCEPT, RankConfig(null=null)) for null in ("any", "matched"))
    assert {e.head: e.explained for e in any_tokens.entries} == {e.head: e.explained for e in matched.entries}
    assert {e.head: e.z for e in any_tokens.entries} != {e.head: e.z for e in matched.entries}


def test_draws_in_several_batches_are_the_same_draws(model, captured, monkeypatch):
    at_once = rank(model, captured, CONCEPT, RankConfig(n_draws=40))
    monkeypatch.setattr("headpursuit.analysis.nulls._STACK_ROOM", 1)
    for one, other in zip(at_once.entries, rank(model, captured, CONCEPT, RankConfig(n_draws=40)).entries, strict=True):
        assert (one.head, one.p, one.q) == (other.head, other.p, other.q)
        assert one.specificity == pytest.approx(other.specificity, abs=1e-6)


def test_a_ranking_of_before_there_were_q_values_is_read(model, captured):
    content = json.loads(json.dumps(rank(model, captured, CONCEPT).to_json()))
    for entry in content["entries"]:
        del entry["p"], entry["q"]
    del content["config"]["null"]
    old = Ranking.from_json(content)
    assert old.top(1) == (PLANTED,)
    with pytest.raises(ValueError, match="this ranking has no q-values, because an older version wrote it; rank again"):
        old.found()


def test_a_ranking_names_tokens_and_dropped_words(model, captured):
    ranking = rank(model, captured, Concept("mixed", ("w20", "nonsense", "w61")))
    assert ranking.tokens == ("w20", "w61")
    assert ranking.dropped_words == ("nonsense",)
    assert (ranking.concept, ranking.model) == ("mixed", "tiny-llama")
    assert ranking.unembedding_sha256 == captured.identity.unembedding_sha256


def test_a_ranking_comes_back_from_json(model, captured, tmp_path):
    ranking = rank(model, captured, Concept("mixed", ("w20", "nonsense")), RankConfig(seed=5, n_draws=3))
    ranking.save(tmp_path / "ranking.json")
    assert Ranking.load(tmp_path / "ranking.json") == ranking
    assert json.loads((tmp_path / "ranking.json").read_text())["entries"][0]["head"] == str(ranking.entries[0].head)


@pytest.mark.parametrize("content", ["[]", "{}", '{"kind": "capture", "version": 1}', '{"kind": "ranking"}'])
def test_a_file_that_is_no_ranking_is_refused(tmp_path, content):
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(ValueError, match="r.json is no ranking written by headpursuit"):
        Ranking.load(tmp_path / "r.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"concept": ["x"]}, r"concept is \['x'\], not text"),
        ({"tokens": [1]}, r"tokens\[0\] is 1, not text"),
        (
            {"entries": [{"head": "L0H0", "explained": None, "specificity": 0, "z": 0}]},
            "explained is None, not a number",
        ),
        ({"entries": [{"head": "L0H0", "explained": 10**400, "specificity": 0, "z": 0}]}, "too large"),
        ({"entries": [{"head": "L0H0", "explained": 0.5}]}, r"entries\[0\].specificity is missing"),
        ({"config": {"rule": "[best](http://x)"}}, "rule is '.best.*, not one of l1, l2, forward"),
        ({"config": {"n_atoms": "20"}}, "n_atoms is '20', not a whole number"),
    ],
)
def test_values_of_another_type_are_refused_by_name(tmp_path, as_users_run_it, changes, message):
    ranking = Ranking("hues", (RankedHead(Head(0, 0), 0.5, 0.4, 3.0),), RankConfig(), "tiny", None, "5a", (" red",))
    (tmp_path / "r.json").write_text(json.dumps(ranking.to_json() | changes))
    with pytest.raises(ValueError, match=rf"r.json is no ranking that this version can read \(.*{message}"):
        Ranking.load(tmp_path / "r.json")


def test_a_missing_or_truncated_ranking_is_refused(model, captured, tmp_path):
    file = tmp_path / "r.json"
    with pytest.raises(FileNotFoundError, match="there is no file .*r.json"):
        Ranking.load(file)
    rank(model, captured, CONCEPT).save(file)
    file.write_text(file.read_text()[:-20])
    with pytest.raises(ValueError, match="r.json is not valid JSON .* is it truncated"):
        Ranking.load(file)


def test_the_best_heads_make_an_edit(model, captured):
    ranking = rank(model, captured, CONCEPT)
    assert ranking.edit() == Edit({PLANTED: -1})
    assert ranking.edit(3, 0.5) == Edit.uniform([e.head for e in ranking.entries[:3]], 0.5)
    with pytest.raises(ValueError, match="13 heads were asked for, but there are 12"):
        ranking.edit(13)


def test_an_unknown_score_is_refused(model, captured, as_users_run_it):
    with pytest.raises(ValueError, match="unknown score 'best'; choose specificity or explained"):
        rank(model, captured, CONCEPT, RankConfig(score="best"))


def test_an_unknown_rule_is_refused(as_users_run_it):
    with pytest.raises(ValueError, match="unknown rule 'best'; choose l1 or l2 or forward"):
        RankConfig(rule="best")


def test_an_unknown_null_is_refused(model, captured, as_users_run_it):
    with pytest.raises(ValueError, match="unknown null 'none'; choose any or matched"):
        rank(model, captured, CONCEPT, RankConfig(null="none"))


@pytest.mark.parametrize("n_draws", [-1, 0, 1])
def test_too_few_draws_for_a_z_score_are_refused(model, captured, n_draws):
    with pytest.raises(ValueError, match=f"n_draws is {n_draws}; .* at least 2 random dictionaries"):
        rank(model, captured, CONCEPT, RankConfig(n_draws=n_draws))


def test_a_concept_without_tokens_is_refused(model, captured):
    with pytest.raises(ValueError, match="concept 'none' has no token in this vocabulary"):
        rank(model, captured, Concept("none", ("nonsense",)))


def test_a_concept_that_leaves_no_tokens_for_random_dictionaries_is_refused(model, captured):
    with pytest.raises(ValueError, match="a random dictionary needs 198 atoms, but only 100 are left"):
        rank(model, captured, Concept("most", tuple(f"w{i}" for i in range(2, 200))))


def test_a_capture_of_another_model_is_refused(captured):
    with pytest.raises(
        ValueError, match="made with tiny-llama in float32; tiny-llama in float32 has another unembedding"
    ):
        rank(tiny.word_model(seed=1), captured, CONCEPT)


def test_l1_needs_more_than_one_sample_to_centre(model):
    captured = capture(model, PROMPTS, CaptureConfig("prompt", samples=1))
    with pytest.raises(ValueError, match="the capture holds one sample, and centring leaves nothing of it"):
        rank(model, captured, CONCEPT, RankConfig(rule="l1"))
    assert rank(model, captured, CONCEPT).entries


def test_l1_needs_samples(model, captured):
    with pytest.raises(ValueError, match="l1 rule needs samples, but the capture kept only moments"):
        rank(model, replace(captured, samples=None), CONCEPT, RankConfig(rule="l1"))


def test_one_sample_cannot_be_ranked_centred(model):
    single = capture(model, PROMPTS[:1])
    with pytest.raises(ValueError, match="the capture holds one sample, and centring leaves nothing of it"):
        rank(model, single, CONCEPT)
    assert len(rank(model, single, CONCEPT, RankConfig(centre=False)).entries) == 12


@pytest.mark.parametrize(
    ("heads", "expected"),
    [(3, 3), ("3", 3), (" 3 ", 3), ("1%", 2), ("0.1%", 1), ("100%", 270), ("50%", 135), ("1.1%", 2), ("270", 270)],
)
def test_counts_of_heads(heads, expected):
    assert count_of(heads, 270) == expected


def test_a_percentage_that_is_a_whole_number_of_heads_is_not_rounded_down():
    assert [count_of(f"{p}%", 100) for p in (7, 14, 28, 29, 55, 57, 58)] == [7, 14, 28, 29, 55, 57, 58]


@pytest.mark.parametrize(
    ("heads", "reason"),
    [
        ("0", "'0' is no number of heads; write 3, or 1% of all heads"),
        ("0%", "'0%' is no number of heads"),
        ("-1", "'-1' is no number of heads"),
        ("-1%", "'-1%' is no number of heads"),
        ("2.5", "'2.5' is no number of heads"),
        ("nan", "'nan' is no number of heads"),
        ("nan%", "'nan%' is no number of heads"),
        ("101%", "'101%' is no number of heads"),
        ("inf", "'inf' is no number of heads"),
        ("inf%", "'inf%' is no number of heads"),
        ("x", "cannot read 'x' as a number of heads; write 3, or 1% of all heads"),
        ("", "cannot read '' as a number of heads"),
        ("%", "cannot read '%' as a number of heads"),
        ("300", "300 heads were asked for, but there are 270"),
        (271, "271 heads were asked for, but there are 270"),
    ],
)
def test_counts_that_cannot_be_are_refused(heads, reason):
    with pytest.raises(ValueError, match=reason):
        count_of(heads, 270)


def test_scores_are_a_tensor_of_layers_by_heads(model, captured):
    ranking = rank(model, captured, CONCEPT)
    assert ranking.scores.shape == (3, 4)
    assert ranking.scores.dtype == torch.float64
    for entry in ranking.entries:
        assert ranking.scores[entry.head.layer, entry.head.index] == entry.specificity == ranking.by_head()[entry.head]
        assert ranking.scores_of("q")[entry.head.layer, entry.head.index] == entry.q
    assert ranking.scores_of("z").argmax() == 4 * PLANTED.layer + PLANTED.index


def uneven():
    """A model whose second of three layers has no heads of its own, and cross-attention in the last."""
    heads = [Head(0, 0), Head(0, 1), Head(2, 0), Head(2, 0, "cross"), Head(2, 2, "cross")]
    entries = tuple(RankedHead(head, 0.5, 1.0 + i, 0.0) for i, head in enumerate(heads))
    return Ranking("c", entries, RankConfig(), "m", None, "", ())


def test_where_there_is_no_head_the_tensor_is_nan():
    nan, ranking = float("nan"), uneven()
    expected = torch.tensor([[1, 2, nan], [nan, nan, nan], [3, nan, nan]], dtype=torch.float64)
    torch.testing.assert_close(ranking.scores, expected, equal_nan=True, rtol=0, atol=0)
    crossed = torch.tensor([[nan] * 3, [nan] * 3, [4, nan, 5]], dtype=torch.float64)
    torch.testing.assert_close(ranking.scores_of(kind="cross"), crossed, equal_nan=True, rtol=0, atol=0)
    assert ranking.scores_of("q").isnan().all()  # as older versions ranked
    assert replace(ranking, entries=()).scores.shape == (0, 0)


def test_scores_that_there_are_not_are_refused(as_users_run_it):
    with pytest.raises(ValueError, match="there is no score 'head'; there is explained, specificity, z, p, q$"):
        uneven().by_head("head")
    with pytest.raises(ValueError, match="there are no heads of kind 'both'; choose self or cross"):
        uneven().scores_of(kind="both")
