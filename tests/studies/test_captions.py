import pytest

from headpursuit.studies.captions import caption_figures, concept_frequency, concept_words_in, n_words

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


def test_figures_of_captions():
    figures = caption_figures(
        ["A red circle, a red star.", "One star, one star, one star", " ?", "the blue dog"], COLOURS
    )
    assert figures.concept_frequency == pytest.approx((2 + 0 + 0 + 1) / 4)
    assert figures.naming_fraction == pytest.approx(2 / 4)
    assert figures.distinct_words == pytest.approx((1 + 0 + 0 + 1) / 4)
    assert figures.length == pytest.approx((4 + 6 + 0 + 2) / 4)
    assert figures.repetition == pytest.approx((0 + 3 / 5 + 0 + 0) / 4)
    assert figures.empty_fraction == pytest.approx(1 / 4)


def test_length_leaves_articles_out():
    assert n_words("The red circle, and a star.") == 4


def test_no_captions_are_refused():
    with pytest.raises(ValueError, match="there are no captions to measure"):
        caption_figures([], COLOURS)
