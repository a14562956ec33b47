import pytest

from headpursuit.concepts import load_concept
from headpursuit.explore.visitor_input import meant_concept, typed_concept, typed_heads
from headpursuit.heads import Head

KNOWN = [Head(0, 0), Head(3, 1)]


def test_a_built_in_name_is_that_concept():
    assert typed_concept(" countries ") == load_concept("countries")


def test_words_stand_between_commas_and_lines():
    found = typed_concept("red, dark green;\nblue,, ,red, four")
    assert found.words == ("red", "dark green", "blue", "four")
    assert found.name == "red, dark green, blue …"


@pytest.mark.parametrize("text", ["/etc/passwd", "./words.txt", "~/x.txt"])
def test_a_path_is_a_word_and_opens_nothing(text, monkeypatch):
    def refuse(*_):
        raise AssertionError("a file was opened")

    monkeypatch.setattr("headpursuit.concepts.concept._read", refuse)
    assert typed_concept(text).words == (text,)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "type words with commas"),
        (" ,\n;", "type words with commas"),
        ("x" * 4001, "the concept has 4,001 characters; at most 4,000"),
        ("y" * 101, "has 101 characters; a word has at most 100"),
        (",".join(f"w{i}" for i in range(401)), "401 words were typed; at most 400"),
    ],
)
def test_what_is_no_concept_is_told_in_a_line(text, expected):
    with pytest.raises(ValueError, match=expected) as refusal:
        typed_concept(text)
    assert "\n" not in str(refusal.value)


def test_a_slip_of_the_pen_is_noticed():
    assert meant_concept("countrys") == "countries"
    assert meant_concept("countries") == meant_concept("red, blue") == meant_concept("xylophone") == ""


def test_heads_are_picked_by_name():
    assert typed_heads("l3h1, L0H0  L3H1", KNOWN) == (Head(3, 1), Head(0, 0))
    assert typed_heads(" ", KNOWN) == ()
    with pytest.raises(ValueError, match="no head L9H9"):
        typed_heads("L0H0 L9H9", KNOWN)
    with pytest.raises(ValueError, match="'<b>' is not a head"):
        typed_heads("<b>", KNOWN)
