import json
from dataclasses import fields

import planted_words
import pytest
import tiny
import torch
from made_atlas import HEADS, made_atlas
from safetensors.torch import load_file, save_file
from scipy.stats import false_discovery_control

from headpursuit.analysis import (
    Atlas,
    AtlasConfig,
    CaptureConfig,
    RankConfig,
    build_atlas,
    capture,
    explain,
    explaining,
    rank,
    ranking_heads,
    readings,
)
from headpursuit.analysis.atlases import building
from headpursuit.analysis.ranking_heads import score_each
from headpursuit.concepts import Concept
from headpursuit.heads import Head
from headpursuit.models import LanguageModel, tokens_of, vocabulary_sha256
from headpursuit.pursuit import pooled_p
from headpursuit.storage import finish_folder, read_json, sha256_of

CONCEPTS = (
    Concept("few", ("w30", "w31", "w77", "w95")),
    planted_words.CONCEPT,
    Concept("foreign", ("ultramarine",)),
    Concept("other", ("w210", "w225", "w240", "w250", "nonsense"), "other words"),
)
RANKING = RankConfig(n_draws=99)
CONFIG = AtlasConfig(4, RANKING)


@pytest.fixture(scope="module")
def model():
    return planted_words.planted_model()


@pytest.fixture(scope="module")
def captured(model):
    """Moments alone."""
    return capture(model, planted_words.PROMPTS, CaptureConfig("prompt", samples=0))


@pytest.fixture(scope="module")
def atlas(model, captured):
    return build_atlas(model, captured, CONFIG, CONCEPTS)


def test_the_head_that_writes_a_concept_is_specific_for_it_alone(atlas):
    assert atlas.names == ("few", "planted", "other")
    assert atlas.heads_for("planted")[0] == planted_words.PLANTED
    assert [finding.concept for finding in atlas.found()[planted_words.PLANTED]] == ["planted"]
    assert set(atlas.explanations[atlas.heads.index(planted_words.PLANTED)].tokens) <= set(planted_words.CONCEPT.words)
    with pytest.raises(ValueError, match="no concept 'countries'; it has few, planted, other"):
        atlas.heads_for("countries")


def test_figures_are_those_of_rankings_and_tokens_those_of_explain(model, captured, atlas):
    assert atlas.explanations == tuple(explain(model, captured, n_atoms=4))
    for column, concept in enumerate(c for c in CONCEPTS if c.name != "foreign"):
        entries = {entry.head: entry for entry in rank(model, captured, concept, RANKING).entries}
        for row, head in enumerate(atlas.heads):
            for score in ("explained", "specificity", "z"):
                assert getattr(atlas, score)[row, column].item() == getattr(entries[head], score)


def test_q_counts_all_heads_and_all_concepts(model, captured, atlas):
    lists = [tokens_of(model, concept) for concept in CONCEPTS if concept.name != "foreign"]
    p = []
    for heads, scores in score_each(model, captured, lists, RANKING):
        p.append(dict(zip(heads, pooled_p(scores).tolist(), strict=True)))
    pairs = [[of_concept[head] for of_concept in p] for head in atlas.heads]
    expected = false_discovery_control(torch.tensor(pairs, dtype=torch.float64).flatten().numpy())
    torch.testing.assert_close(atlas.q.flatten(), torch.from_numpy(expected))


def test_what_no_token_stands_for_is_named(atlas):
    assert atlas.left_out == {"foreign": "none of its 1 words is a token of its own"}
    assert atlas.concepts[2].dropped_words == ("nonsense",)
    assert atlas.concepts[2].description == "other words"
    assert set(atlas.concepts[0].tokens) == {"w30", "w31", "w77", "w95"}


def test_progress_tells_concepts_and_heads(model, captured):
    told = []
    build_atlas(model, captured, CONFIG, CONCEPTS, progress=lambda *done: told.append(done))
    assert told[:3] == [("concepts", 1, 3), ("concepts", 2, 3), ("concepts", 3, 3)]
    assert told[-1] == ("tokens of heads", 12, 12)


def test_built_in_concepts_are_the_default():
    model = tiny.language_model("llama", (" red", " green", " Monday", " Tuesday", " Friday"))
    captured = capture(model, ["the sky is", "the sea is"], CaptureConfig(samples=0))
    atlas = build_atlas(model, captured, AtlasConfig(2, RankConfig(n_draws=2)))
    assert {"colours", "weekdays"} <= set(atlas.names)
    assert {"colours", "countries", "weekdays", "toxic"} <= set(atlas.names) | set(atlas.left_out)


@pytest.mark.parametrize(("n_draws", "fewest"), [(2, 27), (59, 2), (60, 1), (99, 1)])
def test_with_few_draws_single_findings_are_out_of_reach(n_draws, fewest):
    config = AtlasConfig(ranking=RankConfig(n_draws=n_draws))
    assert made_atlas(config=config).fewest_findings == fewest


@pytest.mark.parametrize(
    ("concepts", "message"),
    [
        ([], "at least one concept"),
        ([CONCEPTS[0], Concept("few", ("w7",))], "two different concepts are called 'few'"),
        ([CONCEPTS[2]], "no concept has a token in the vocabulary of tiny-planted; of foreign, 'ultramarine': unknown"),
    ],
)
def test_concepts_that_cannot_be_are_refused(model, captured, concepts, message):
    with pytest.raises(ValueError, match=message):
        build_atlas(model, captured, CONFIG, concepts)


def test_a_concept_given_twice_counts_once(model, captured):
    assert build_atlas(model, captured, CONFIG, [CONCEPTS[0], CONCEPTS[0]]).names == ("few",)


def test_no_tokens_at_all_are_refused():
    with pytest.raises(ValueError, match="n_tokens is 0"):
        AtlasConfig(0)


def test_a_score_that_would_do_nothing_is_refused():
    with pytest.raises(ValueError, match="the score is 'explained', but an atlas sorts nothing by it"):
        AtlasConfig(ranking=RankConfig(score="explained"))


def test_the_capture_is_read_once(model, captured, monkeypatch):
    times = []

    def counted(*given, **more):
        times.append(given)
        return readings.read(*given, **more)

    for module in (building, explaining, ranking_heads):
        monkeypatch.setattr(module, "read", counted, raising=False)
    build_atlas(model, captured, CONFIG, CONCEPTS)
    assert len(times) == 1


def test_samples_are_needed_by_the_l1_rule_alone(model, captured):
    with pytest.raises(ValueError, match="the l1 rule needs samples"):
        build_atlas(model, captured, AtlasConfig(2, RankConfig(rule="l1", n_draws=2)), CONCEPTS)


def test_an_atlas_comes_back_from_disk(atlas, tmp_path):
    atlas.save(tmp_path / "atlas")
    loaded = Atlas.load(tmp_path / "atlas")
    for each in fields(Atlas):
        ours, theirs = getattr(atlas, each.name), getattr(loaded, each.name)
        assert torch.equal(ours, theirs) if isinstance(ours, torch.Tensor) else ours == theirs, each.name
    assert {f.name for f in (tmp_path / "atlas").iterdir()} == {"manifest.json", "atlas.json", "scores.safetensors"}
    assert set(load_file(tmp_path / "atlas" / "scores.safetensors")) == {"explained", "specificity", "z", "q"}


def test_the_file_names_every_head_for_other_programs(tmp_path):
    made_atlas().save(tmp_path / "atlas")
    heads = read_json(tmp_path / "atlas" / "atlas.json")["heads"]
    assert heads[0]["head"] == "L0H0"
    assert heads[0]["tokens"] == [" red", " blue"]
    assert [found["concept"] for found in heads[0]["specific_for"]] == ["<b>own</b>", "colours"]
    assert heads[1]["specific_for"] == []


def test_findings_are_the_best_first_at_the_level_asked_for():
    atlas = made_atlas()
    assert [finding.concept for finding in atlas.found()[HEADS[2]]] == ["countries", "<b>own</b>"]
    assert [finding.concept for finding in atlas.found(0.01)[HEADS[2]]] == ["countries"]
    assert atlas.heads_for("<b>own</b>") == (HEADS[0], HEADS[2])
    assert atlas.heads_for("countries", 0.06) == (HEADS[2], HEADS[3])
    assert Head(1, 1) in atlas.found()


def rewritten(folder, name, write):
    """A file of a folder written anew, with a checksum that agrees."""
    write(folder / name)
    manifest = read_json(folder / "manifest.json")
    manifest["files"][name] = sha256_of(folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_what_is_no_atlas_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected an atlas"):
        Atlas.load(tmp_path / "none")
    made_atlas().save(folder := tmp_path / "atlas")
    with pytest.raises(FileExistsError):
        made_atlas().save(folder)
    scores = load_file(folder / "scores.safetensors")
    rewritten(folder, "scores.safetensors", lambda p: save_file(scores | {"q": torch.zeros(3, 3)}, p))
    with pytest.raises(ValueError, match=r"q has the shape \(3, 3\), but there are 4 heads and 3 concepts"):
        Atlas.load(folder)
    rewritten(folder, "scores.safetensors", lambda p: p.write_bytes(b"no tensors"))
    with pytest.raises(ValueError, match=r"is no atlas that this version can read \(.*header"):
        Atlas.load(folder)
    content = read_json(folder / "atlas.json")
    rewritten(folder, "scores.safetensors", lambda p: save_file(scores, p))
    del content["config"]
    rewritten(folder, "atlas.json", lambda p: p.write_text(json.dumps(content)))
    with pytest.raises(ValueError, match=r"is no atlas that this version can read \(config is missing"):
        Atlas.load(folder)
    (folder / "atlas.json").write_text("{}")
    with pytest.raises(ValueError, match=r"damaged: atlas.json does not match its checksum"):
        Atlas.load(folder)
    (folder / "atlas.json").unlink()
    (folder / "manifest.json").unlink()
    finish_folder(folder, "atlas", {})
    with pytest.raises(ValueError, match=r"lists no atlas.json"):
        Atlas.load(folder)


def set_in(content, value, *path):
    for step in path[:-1]:
        content = content[step]
    content[path[-1]] = value


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (["a", "b"], ("heads", 0, "explained"), "explained.0. is 'a', not a number"),
        ([True, 0.5], ("heads", 0, "explained"), "explained.0. is True, not a number"),
        ([1, " blue"], ("heads", 0, "tokens"), r"explanations\[0\].tokens\[0\] is 1, not text"),
        ("red", ("heads", 0, "tokens"), "tokens is 'red', not a list"),
        ([3.5, 4], ("heads", 0, "token_ids"), "token_ids.0. is 3.5, not a whole number"),
        ([" red"], ("heads", 0, "tokens"), "L0H0 has 1 tokens, 2 token ids and 2 explained fractions"),
        (7, ("heads", 0, "head"), "head is 7, not text"),
        ("head 7", ("heads", 0, "head"), "'head 7' is not a head"),
        ([], ("left_out",), r"left_out is \[\], not an object"),
        ({"weekdays": 7}, ("left_out",), "left_out: weekdays is 7, not text"),
        (None, ("concepts", 0, "name"), "name is None, not text"),
        ([7], ("concepts", 0, "tokens"), "tokens.0. is 7, not text"),
        ("twelve", ("n_prompts",), "n_prompts is 'twelve', not a whole number"),
        ("best", ("config", "ranking", "rule"), "rule is 'best', not one of l1, l2, forward"),
        (0, ("config", "n_tokens"), "n_tokens is 0"),
        ([], ("identity",), r"identity is \[\], not the fields of Identity"),
        (3, ("identity", "model"), "model is 3, not text"),
        ("early", ("capture", "positions"), "positions is 'early', not one of last, prompt"),
    ],
)
def test_values_of_another_type_are_refused_by_name(tmp_path, as_users_run_it, value, path, message):
    made_atlas().save(folder := tmp_path / "atlas")
    content = read_json(folder / "atlas.json")
    set_in(content, value, *path)
    rewritten(folder, "atlas.json", lambda p: p.write_text(json.dumps(content)))
    with pytest.raises(ValueError, match=rf"atlas.json is no atlas that this version can read \(.*{message}"):
        Atlas.load(folder)


def test_an_atlas_of_nothing_is_refused(tmp_path, as_users_run_it):
    made_atlas().save(folder := tmp_path / "atlas")
    content = read_json(folder / "atlas.json") | {"concepts": []}
    rewritten(folder, "atlas.json", lambda p: p.write_text(json.dumps(content)))
    nothing = dict.fromkeys(("explained", "specificity", "z", "q"), torch.zeros(4, 0))
    rewritten(folder, "scores.safetensors", lambda p: save_file(nothing, p))
    with pytest.raises(ValueError, match="atlas.json has 4 heads and 0 concepts; an atlas has both"):
        Atlas.load(folder)


def test_the_vocabulary_is_told_by_which_token_has_which_id(model):
    assert vocabulary_sha256(model) == vocabulary_sha256(planted_words.planted_model("other", seed=1))
    fewer = LanguageModel(model.network, tiny.word_tokenizer(299))
    assert vocabulary_sha256(fewer) != vocabulary_sha256(model)
