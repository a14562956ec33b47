import pytest
import tiny
import torch

from headpursuit.analysis import Suggestions
from headpursuit.concepts import Concept
from headpursuit.models import tokens_of

FAMILY = (20, 37, 61, 88, 104, 133)
"""Tokens whose rows of the unembedding lie together."""


@pytest.fixture(scope="module")
def model():
    model = tiny.word_model()
    rows = model.network.lm_head.weight.data
    generator = torch.Generator().manual_seed(3)
    common, direction = torch.randn(2, 32, generator=generator)
    rows += 5 * common
    rows[list(FAMILY)] = 5 * common + direction + 0.2 * torch.randn(len(FAMILY), 32, generator=generator)
    return model


def tokens(model, ids):
    return tokens_of(model, Concept("family", tuple(f"w{i}" for i in ids)))


@pytest.mark.parametrize("missing", FAMILY)
def test_a_word_that_was_left_out_is_suggested_first(model, missing):
    first, second = Suggestions(model).of(tokens(model, [i for i in FAMILY if i != missing]), 2)
    assert first.word == f"w{missing}"
    assert first.score > 0.7
    assert second.score < 0.6
    assert first.like in {f"w{i}" for i in FAMILY}


def test_what_is_in_the_list_is_never_suggested(model):
    suggested = Suggestions(model).of(tokens(model, FAMILY), 1000)
    assert len(suggested) == 298 - len(FAMILY)
    assert not {s.word for s in suggested} & {f"w{i}" for i in FAMILY}
    assert [s.score for s in suggested] == sorted((s.score for s in suggested), reverse=True)


def test_the_words_are_those_suggested(model):
    suggestions, found = Suggestions(model), tokens(model, FAMILY[:3])
    assert [w.word for w in suggestions.words(found, 5)] == [s.word for s in suggestions.of(found, 5)]
    assert suggestions.of(found, 0) == ()


def test_other_spellings_of_a_word_are_that_word():
    model = tiny.language_model("llama", (" red", " Green", "green", " blue"))
    found = tokens_of(model, Concept("hues", ("red",)))
    suggested = [s.word for s in Suggestions(model).of(found, 100)]
    assert sum(word.lower() == "green" for word in suggested) == 1
    assert "red" not in suggested


def test_the_gain_changes_the_directions(model):
    model.network.model.norm.weight.data[:16] = 0
    found = tokens(model, FAMILY[:3])
    plain, gained = (Suggestions(model, gain=gain).of(found, 5) for gain in (False, True))
    assert [s.score for s in plain] != [s.score for s in gained]
