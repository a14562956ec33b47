from random import Random

import pytest
import tiny

from headpursuit.concepts import Concept
from headpursuit.models import WordKind, tokens_of, vocabulary_words
from headpursuit.studies.experiments.sensitivity import read_synonyms
from headpursuit.studies.experiments.sensitivity.lists import (
    known_words,
    look_alikes,
    union,
    with_spellings,
    with_words,
)

VOCABULARY = (" Red", "Red", " Green", " blue", " Sky", "Sky", " Oak", "Oak", " Hat", " sea", " cow")
CONCEPT = Concept("hues", ("Red", "ultramarine", "Green", "blue"))


@pytest.fixture(scope="module")
def model():
    return tiny.language_model("llama", VOCABULARY)


@pytest.fixture(scope="module")
def found(model):
    return tokens_of(model, CONCEPT)


@pytest.fixture(scope="module")
def vocabulary(model):
    return vocabulary_words(model)


def test_fewer_words_are_what_the_tokenizer_makes_of_them(model, found):
    assert known_words(found) == ("Red", "Green", "blue")
    fewer = with_words(found, ["blue", "Red"])
    assert fewer == tokens_of(model, Concept("hues", ("Red", "blue")))


def test_two_lists_together(model, found):
    other = tokens_of(model, Concept("other", ("sea", "Red")))
    both = union(found, other)
    assert both.concept.words == (*CONCEPT.words, "sea")
    assert set(both.token_ids) == set(found.token_ids) | set(other.token_ids)


def test_spellings_can_be_chosen(model, found):
    spaced = with_spellings(found, lambda s: s.text.startswith(" "))
    bare = with_spellings(found, lambda s: not s.text.startswith(" "))
    assert {s.pieces[0] for s in spaced.spellings if not s.dropped} == {" Red", " Green", " blue"}
    assert {s.pieces[0] for s in bare.spellings if not s.dropped} == {"Red"}
    assert with_spellings(found, lambda s: s.text == "GREEN") is None


@pytest.mark.parametrize("seed", range(8))
def test_a_random_word_is_written_like_the_one_it_stands_for(found, vocabulary, seed):
    drawn = look_alikes(found, ["Red", "blue"], vocabulary, Random(seed))
    kinds = sorted(vocabulary.kind(i) for i in drawn.token_ids)
    assert kinds == sorted([WordKind(True, "capitalised"), WordKind(False, "capitalised"), WordKind(True, "lower")])
    assert not set(drawn.token_ids) & set(found.token_ids)
    assert not {w.lower() for w in drawn.concept.words} & {"red", "green", "blue"}
    assert drawn == look_alikes(found, ["Red", "blue"], vocabulary, Random(seed))


def test_other_seeds_draw_other_words(found, vocabulary):
    assert len({look_alikes(found, ["Red"], vocabulary, Random(seed)).token_ids for seed in range(8)}) > 1


def test_ways_of_writing_that_no_word_has_together_are_drawn_apart():
    model = tiny.language_model("llama", (" Red", "Red", " Oak", " Sky", "x"))
    found, vocabulary = tokens_of(model, Concept("hues", ("Red",))), vocabulary_words(model)
    drawn = look_alikes(found, ["Red"], vocabulary, Random(0))
    assert len(drawn.token_ids) == 2


def test_a_vocabulary_without_other_words_is_refused():
    model = tiny.word_model(n_words=4)
    found = tokens_of(model, Concept("most", ("w2", "w3")))
    with pytest.raises(ValueError, match="the vocabulary has only 2 words, too few"):
        look_alikes(found, ["w2"], vocabulary_words(model), Random(0))


def synonyms(tmp_path, text):
    (tmp_path / "s.txt").write_text(text, encoding="utf-8")
    return read_synonyms(tmp_path / "s.txt", CONCEPT)


def test_synonyms_are_read_by_word(tmp_path):
    found = synonyms(tmp_path, "# word, synonym\nred, scarlet , ruby\n\nteal, cyan\nRed, crimson\nBlue, azure\n")
    assert found == {"Red": ("scarlet", "ruby", "crimson"), "blue": ("azure",)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("red\n", "s.txt, line 1: 'red' has no synonym; write `word, synonym, synonym`"),
        ("# none\nred, scarlet\nteal,\n", "s.txt, line 3: 'teal,' has no synonym"),
        ("teal, cyan\n", "s.txt names no word of hues .it begins with teal; the concept with Red"),
        ("\n", "s.txt names no word of hues .it begins with nothing"),
    ],
)
def test_synonyms_that_cannot_be_used(tmp_path, text, reason):
    with pytest.raises(ValueError, match=reason):
        synonyms(tmp_path, text)


def test_a_file_of_synonyms_that_is_missing_or_no_text(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file .*none.txt; give one with a line like"):
        read_synonyms(tmp_path / "none.txt", CONCEPT)
    (tmp_path / "s.txt").write_bytes(b"red, \xff\n")
    with pytest.raises(ValueError, match="s.txt, line 1: byte 0xff is not UTF-8"):
        read_synonyms(tmp_path / "s.txt", CONCEPT)
