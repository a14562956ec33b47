import re
import string

import pytest

from headpursuit.studies.text.metrics import (
    contains,
    exact_match,
    f1,
    first_named,
    is_empty,
    repetition,
)
from headpursuit.words import normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Eiffel Tower!", "eiffel tower"),
        ("a an the", ""),
        ("An apple, a day", "apple day"),
        ("Theatre and anthem", "theatre and anthem"),
        ("Paris,France", "paris france"),
        ("  U.S.A.\n", "u s"),  # the article `a` goes, as in TriviaQA
        ("Côte d'Ivoire", "côte d ivoire"),
    ],
)
def test_normalisation(text, expected):
    assert normalise(text) == expected


def trivia_qa(text):
    """The normalisation of TriviaQA's own evaluation, step by step."""
    text = text.replace("_", " ").lower()
    text = "".join(" " if c in string.punctuation + "‘’´`" else c for c in text)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


@pytest.mark.parametrize(
    "text", ["The_United_States (of A.)", "Perú", "O’Neill's ‘an’ `x´", "A-Ha, the 80's", "Zürich/Genève", "5,000 $"]
)
def test_normalisation_is_that_of_trivia_qa(text):
    assert normalise(text) == trivia_qa(text)


def test_exact_answers_are_compared_with_the_first_line():
    rambling = " France.\nQuestion: Where is Rome?\nAnswer: Italy"
    assert exact_match("\n\n" + rambling, ("France",)) == f1(rambling, ("France",)) == 1
    assert f1("Old France\nnever", ("France",)) == pytest.approx(2 / 3)
    assert exact_match("", ("",)) == exact_match(" .\n?", ("",)) == f1("", ("France",)) == 0


@pytest.mark.parametrize(
    ("answer", "expected"), [("the France.", 1), ("FRANCE", 1), ("France, of course", 0), ("Franc", 0), ("", 0)]
)
def test_exact_match(answer, expected):
    assert exact_match(answer, ("France", "French Republic")) == expected


def test_any_accepted_answer_counts():
    assert exact_match("french republic", ("France", "French Republic")) == 1
    assert contains("in the French Republic.", ("France", "French Republic")) == 1


@pytest.mark.parametrize(
    ("answer", "accepted", "expected"),
    [
        ("France", ("France",), 1),
        ("it is France", ("France",), 2 * (1 / 3) * 1 / (1 / 3 + 1)),
        ("South Korea", ("Korea", "South Korea"), 1),
        ("North Korea", ("South Korea",), 0.5),
        ("Spain", ("France",), 0),
        ("", ("France",), 0),
        ("France France France", ("France",), 0.5),
    ],
)
def test_f1_of_the_closest_answer(answer, accepted, expected):
    assert f1(answer, accepted) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "accepted", "expected"),
    [
        (" France. It is", ("France",), 1),
        ("Nigeria", ("Niger",), 0),
        ("Niger", ("Niger",), 1),
        ("Niger", ("Nigeria",), 0),
        ("the United Arab Emirates", ("United Arab Emirates",), 1),
        ("United Emirates Arab", ("United Arab Emirates",), 0),
        ("Guinea-Bissau", ("Guinea-Bissau",), 1),
        ("", ("France",), 0),
        ("...", ("France",), 0),
    ],
)
def test_an_answer_contains_whole_words(answer, accepted, expected):
    assert contains(answer, accepted) == expected


@pytest.mark.parametrize("score", [contains, exact_match, f1])
def test_an_empty_answer_matches_nothing_not_even_an_article(score):
    assert score(" ?", ("A", "The")) == 0


@pytest.mark.parametrize(("answer", "expected"), [("", True), (" .\n!", True), ("the", True), ("no", False)])
def test_answers_without_words_are_empty(answer, expected):
    assert is_empty(answer) is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("", 0), ("France", 0), ("one two three", 0), ("no no no no", 2 / 3), ("x y x y x", 0.5), ("la la", 0)],
)
def test_repetition_is_the_share_of_word_pairs_seen_before(answer, expected):
    assert repetition(answer) == pytest.approx(expected)


DIGITS = {"three": ("three", "3"), "seven": ("seven", "7"), "seventeen": ("seventeen",)}


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ("The digit is three.", "three"),
        ("It is 3!", "three"),
        ("three or seven", "three"),
        ("Seven, or maybe three", "seven"),
        ("seventeen", "seventeen"),
        ("a number", None),
        ("", None),
        ("threefold", None),
    ],
)
def test_the_first_class_named_is_what_an_answer_says(answer, named):
    assert first_named(answer, DIGITS) == named


def test_of_words_that_begin_together_the_longer_is_named():
    signs = {"speed limit": ("speed limit",), "speed limit 20": ("speed limit 20",)}
    assert first_named("A speed limit 20 sign", signs) == "speed limit 20"
    assert first_named("A speed limit sign", signs) == "speed limit"
