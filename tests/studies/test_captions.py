import pytest

from headpursuit.studies.captions import concept_frequency, concept_words_in, n_words

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
