import json

import pytest
import tiny
import torch

from headpursuit.analysis import RankConfig, RankedHead, Ranking, SavedEdit, load_edit
from headpursuit.heads import Edit, Head
from headpursuit.models import LanguageModel, has_unembedding, unembedding


@pytest.fixture(scope="module")
def model():
    return tiny.language_model("llama")


def ranking(model):
    entries = tuple(RankedHead(Head(layer, 1), 0.5, 0.5, 3.0) for layer in (2, 0, 1))
    return Ranking("hues", entries, RankConfig(), "tiny", "abc", unembedding(model).sha256, (" red",))


def written(folder, content):
    file = folder / "e.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_an_edit_comes_back_as_it_was_saved(tmp_path, model):
    saved = SavedEdit.of(ranking(model), 2, -2, "prompt")
    saved.save(tmp_path / "e.json")
    assert SavedEdit.load(tmp_path / "e.json") == saved
    assert saved.edit == Edit({Head(2, 1): -2.0, Head(0, 1): -2.0}, "prompt")
    assert (saved.model, saved.revision, saved.concept) == ("tiny", "abc", "hues")
    content = json.loads((tmp_path / "e.json").read_text())
    assert (content["kind"], content["version"]) == ("edit", 1)
    assert load_edit(tmp_path / "e.json", model) == saved.edit


def test_scales_may_be_written_by_hand(tmp_path, model):
    assert load_edit(written(tmp_path, {"L2H3": -1}), model) == Edit({Head(2, 3): -1.0})
    both = {"scales": {"L2H3": -1, "L0H0": 0.5}, "scope": [0, -1]}
    assert load_edit(written(tmp_path, both), model) == Edit({Head(2, 3): -1.0, Head(0, 0): 0.5}, [0, -1])


def test_an_edit_for_another_model_is_refused(tmp_path, model):
    SavedEdit.of(ranking(model), 1).save(tmp_path / "e.json")
    other = tiny.language_model("llama", seed=1)
    with pytest.raises(ValueError, match="chosen for tiny, but tiny-llama has another unembedding; rank the heads"):
        load_edit(tmp_path / "e.json", other)


def test_the_same_model_in_another_dtype_is_not_another_model(tmp_path, model):
    """A ranking made in float32 serves the checkpoint in bfloat16 that it was read from, and the reverse."""
    halves = tiny.language_model("llama")
    halves.network.to(torch.bfloat16)
    again = LanguageModel(tiny.network("llama").to(torch.bfloat16).float(), tiny.tokenizer())
    for one, other in ((halves, again), (again, halves)):
        assert has_unembedding(one, unembedding(other).sha256)
    assert not has_unembedding(halves, unembedding(model).sha256)  # was never in bfloat16


def saved(**changes):
    return SavedEdit(Edit({Head(2, 3): -1}), "tiny").to_json() | changes


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("1", "is no edit; an edit maps heads to scales"),
        ([1], r"1 is no head; write \[12, 3\]"),
        ('{"L2H3": -1', "is not valid JSON"),
        ({"kind": "ranking", "version": 1}, "is no edit: it says it is 'ranking'"),
        ({"kind": "edit", "version": 2, "scales": {"L2H3": -1}}, "another version of headpursuit \\(format 2\\)"),
        ({"kind": "edit", "version": 1, "scales": {"L2H3": -1}}, "is no edit that this version can read"),
        (saved(model=["x"]), r"is no edit that this version can read \(model is \['x'\], not text"),
        (saved(unembedding_sha256=7), "unembedding_sha256 is 7, not text"),
        ({"L2H3": "x"}, "e.json: the scale of L2H3 is 'x'; it must be a number"),
        ({"head 3": -1}, "e.json: 'head 3' is not a head"),
        ({"scales": {"L2H3": -1}, "scope": "answer"}, "unknown scope 'answer'"),
        ({"L2H4": -1}, "L2H4 does not exist: the model has 12 heads"),
        ({}, "e.json holds no head"),
    ],
)
def test_what_is_no_edit_is_refused(tmp_path, model, content, text, as_users_run_it):
    with pytest.raises(ValueError, match=text):
        load_edit(written(tmp_path, content), model)


def test_a_missing_file_is_named(tmp_path, model):
    with pytest.raises(FileNotFoundError, match="there is no file .*none.json"):
        load_edit(tmp_path / "none.json", model)
