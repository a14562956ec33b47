import pytest

from headpursuit.studies.text.captions import concept_frequency, concept_places, concept_words_in, n_words

COLOURS = ("red", "blue", "Dark red", "the green")


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A red circle and a RED star, blue.", ["red", "red", "blue"]),
        ("reddish blues", []),
        ("a dark red dark star", ["dark red"]),
        ("dark-red and light-blue", ["dark red", "blue"]),
        ("the green hill", ["green"]),
        ("", []),
    ],
)
def test_whole_words_are_counted_and_phrases_once(caption, expected):
    assert concept_words_in(caption, COLOURS) == expected
    assert concept_frequency(caption, COLOURS) == len(expected)


def test_length_leaves_articles_out():
    assert n_words("The red circle, and a star.") == 4


def test_a_word_at_the_end_is_found_beside_longer_phrases():
    words = ("red", "dark green")
    assert concept_places("a thing in red", words) == [(11, 14)]
    assert concept_words_in("dark green, red", words) == ["dark green", "red"]
