import re
from pathlib import Path

import jaxtyping
import pytest

import headpursuit.concepts
from headpursuit.concepts import Concept, builtin_concepts, load_concept

# At least so many words: a list cut short by a mistake in its making would still load.
SMALLEST = {
    "animals": 250,
    "capitals": 180,
    "colours": 40,
    "countries": 200,
    "elements": 118,
    "emotions": 150,
    "languages": 80,
    "months": 12,
    "nationalities": 190,
    "negative": 150,
    "numbers": 40,
    "positive": 150,
    "shapes": 60,
    "toxic": 60,
    "weekdays": 7,
}


def write(folder: Path, content: str | bytes, name: str = "fruit.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_concept_keeps_order_and_drops_repeats_and_padding():
    concept = Concept(" fruit ", ("pear", " apple", "pear ", "Pear", "passion fruit"))
    assert concept.name == "fruit"
    assert concept.words == ("pear", "apple", "Pear", "passion fruit")
    assert (concept.description, concept.source) == ("", "")


def test_concept_is_frozen_and_hashable():
    concept = Concept("fruit", ("pear",))
    with pytest.raises(AttributeError):
        concept.name = "vegetables"
    assert len({concept, Concept("fruit", ("pear", "pear"))}) == 1


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("fruit", (), "there are no words; give the words of 'fruit', each as a text"),
        ("  ", ("pear",), "the concept's name is '  '; give it one that tables can show, like 'countries'"),
        ("fruit", ("pear", " "), "word 2 of 'fruit' is blank; leave it out"),
    ],
)
def test_concept_refuses_what_is_empty(name, words, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Concept(name, words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (b"pear", "the words are of type bytes (b'pear'); give the words of 'fruit', each as a text"),
        (("pear", 3), "word 2 is of type int (3); give the words of 'fruit', each as a text"),
    ],
)
def test_concept_refuses_what_are_no_words(words, message, monkeypatch):
    # Users run without the type checks of the test run, which would get in first.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(TypeError, match=re.escape(message)):
        Concept("fruit", words)


def test_file_gives_words_and_header(tmp_path):
    header = "#Description:  What grows on trees \n# source: my garden: the south side\n# licence: mine\n"
    words = "# a comment\n\n pear \r\npassion fruit\n\n# another\npear\nAçaí\n"
    path = write(tmp_path, header + words)
    assert load_concept(path) == Concept(
        "fruit", ("pear", "passion fruit", "Açaí"), "What grows on trees", "my garden: the south side"
    )
    assert load_concept(str(path)) == load_concept(path)


def test_first_header_line_of_a_kind_counts(tmp_path):
    path = write(tmp_path, "# source: garden\npear\n# source: market\n")
    assert load_concept(path).source == "garden"


def test_byte_order_mark_is_no_part_of_the_first_word(tmp_path):
    assert load_concept(write(tmp_path, b"\xef\xbb\xbfpear\napple\n")).words == ("pear", "apple")


def test_lines_of_other_formats_are_words(tmp_path):
    path = write(tmp_path, '["pear",\npear,apple\n', "fruit.json")
    assert load_concept(path).words == ('["pear",', "pear,apple")


def test_builtin_name_wins_over_a_file_unless_written_as_a_path(tmp_path, monkeypatch):
    write(tmp_path, "Atlantis\n", "countries")
    monkeypatch.chdir(tmp_path)
    assert "Atlantis" not in load_concept("countries").words
    assert load_concept("./countries").words == ("Atlantis",)


@pytest.mark.parametrize(("given", "meant"), [("contries", "countries"), ("Colors", "colours"), ("MONTHS", "months")])
def test_unknown_name_lists_the_builtin_ones_and_suggests_the_closest(given, meant):
    message = f"{given!r} is neither a built-in concept nor a file; did you mean {meant!r}? built in are animals, "
    with pytest.raises(FileNotFoundError, match=re.escape(message)) as error:
        load_concept(given)
    assert all(name in str(error.value) for name in builtin_concepts())
    assert str(error.value).endswith("or give the path of a text file with one word per line")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("given", ["no/such/file.txt", "", "x" * 5000])
def test_missing_file_without_a_similar_name_gets_no_suggestion(given):
    with pytest.raises(FileNotFoundError, match="nor a file; built in are animals"):
        load_concept(given)


def test_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is a folder; give a text file with one word per line"):
        load_concept(tmp_path)


@pytest.mark.parametrize("content", ["", "\n \n", "# description: nothing yet\n"])
def test_file_without_words_is_refused(tmp_path, content):
    with pytest.raises(ValueError, match=r"fruit\.txt holds no words; write one per line"):
        load_concept(write(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "pear\naçaí\n".encode("latin-1"),
            "fruit.txt, line 2: byte 0xe7 is not UTF-8; read as Windows-1252 (Latin-1) it says 'açaí': save",
        ),
        (
            "pear\nfig\n".encode("utf-16"),
            "fruit.txt looks like UTF-16LE, not UTF-8; save it",
        ),
        (
            "pear\nfig\n".encode("utf-16-le"),
            "fruit.txt looks like UTF-16LE, not UTF-8; save it",
        ),
    ],
)
def test_file_in_another_encoding_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        load_concept(write(tmp_path, content))


def test_overlong_line_is_refused_but_may_be_a_comment(tmp_path):
    assert load_concept(write(tmp_path, "# " + "x" * 300 + "\n" + "y" * 200)).words == ("y" * 200,)
    message = "fruit.txt, line 3: 201 characters, but a line holds one word or short phrase of at most 200"
    with pytest.raises(ValueError, match=re.escape(message)):
        load_concept(write(tmp_path, "pear\n\n" + "y" * 201))


def test_builtin_names_are_sorted_and_complete():
    assert builtin_concepts() == tuple(sorted(SMALLEST))


@pytest.mark.parametrize("name", sorted(SMALLEST))
def test_builtin_list_is_clean(name):
    concept = load_concept(name)
    assert concept.name == name
    assert concept.description
    assert concept.source
    assert len(concept.words) >= SMALLEST[name]
    # The loader strips and removes repeats, so the file itself is read.
    content = (Path(headpursuit.concepts.__file__).parent / "data" / f"{name}.txt").read_text("utf-8")
    lines = content.split("\n")
    assert lines[2].startswith("# licence: ")
    assert lines[-1] == ""
    assert tuple(lines[3:-1]) == concept.words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("animals", "dog cat elephant horse fish"),
        ("capitals", "Paris Tokyo Kyiv Astana Washington"),
        ("colours", "black white red green yellow blue brown orange pink purple grey gray teal maroon"),
        ("countries", "France Japan Brazil USA UK Russia Turkey Korea Taiwan Palestine Kosovo"),
        ("elements", "hydrogen iron gold aluminum aluminium oganesson"),
        ("emotions", "joy sadness anger fear disgust surprise"),
        ("languages", "English Mandarin Farsi Cantonese Swahili"),
        ("nationalities", "French Japanese American British Dutch"),
        ("negative", "terrible sad hate"),
        ("numbers", "zero twelve ninety hundred million 0 9"),
        ("positive", "wonderful happy love"),
        ("shapes", "circle circles square triangle star diamond cross crosses round"),
    ],
)
def test_builtin_list_holds_what_everyone_expects(name, words):
    assert set(words.split()) <= set(load_concept(name).words)


def test_builtin_calendars_are_exact():
    months, weekdays = load_concept("months").words, load_concept("weekdays").words
    assert (len(months), months[0], months[4], months[-1]) == (12, "January", "May", "December")
    assert (len(weekdays), weekdays[0], weekdays[-1]) == (7, "Monday", "Sunday")


@pytest.mark.parametrize(
    ("name", "unwanted"),
    [
        ("countries", ["Greenland", "Antarctica", "European Union", "Hong Kong", "US", "Soviet Union"]),
        ("countries", load_concept("capitals").words),
        ("colours", load_concept("animals").words),
        ("shapes", load_concept("colours").words),
        ("shapes", load_concept("numbers").words),
        ("positive", load_concept("negative").words),
        ("toxic", ["kill", "sex", "drunk", "fat"]),
    ],
)
def test_builtin_list_leaves_out_what_belongs_elsewhere(name, unwanted):
    assert not set(unwanted) & set(load_concept(name).words)
