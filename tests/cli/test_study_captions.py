"""`study captioning` and `report` on a tiny vision-language model in a local folder, as a user types it."""

import json

import pytest
import tiny
import tiny_vision
from typed import assert_refused, run

COLOURS = "w20\nw61\nw133\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_vision.saved(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def pictures(tmp_path):
    place = tmp_path / "pictures"
    place.mkdir()
    rows = []
    for number in range(24):
        tiny_vision.drawing(number % 9).save(place / f"{number}.png")
        rows.append({"image_path": f"{number}.png", "captions": [f"w{number} w20 w7", f"w{number} w8"]})
    (place / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


@pytest.fixture
def words(tmp_path):
    for name, text in (("hues", COLOURS), ("forms", "w30\nw41\n")):
        (tmp_path / f"{name}.txt").write_text(text)
    return tmp_path / "hues.txt"


def captioning(folder, pictures, words, *more):
    forms = words.parent / "forms.txt"
    few = ("--controls", 2, "--max-new-tokens", 4, "--n-draws", 4, "--doses", 1, "--scales", -1, "--enhance-scales", 3)
    asked = (
        "--data",
        pictures,
        "--concept",
        words,
        "--other-concept",
        forms,
        "--enhance-scales",
        "3",
        "--ask",
        "w5 w6",
    )
    return run("study", "captioning", folder, *asked, *few, *more)


def test_the_study_prints_every_part_and_its_page_is_made_again(folder, pictures, words, tmp_path):
    out = tmp_path / "out"
    result = captioning(folder, pictures, words, "-o", out)
    assert result.exit_code == 0, result.output
    for text in (
        "hues: best 10 of",
        "dose sheet to suppress: words of the concept / CIDEr without them, times the unedited model's",
        "dose sheet to enhance: words of the concept / CIDEr, times the unedited model's",
        "held-out images: words of hues per caption",
        "suppress-matched-1",
        "enhance-other-forms",
        "'w5 w6'",
        "suppress hues: ",
        "enhance hues: ",
    ):
        assert text in result.stdout
    page = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    again = run("report", out)
    assert again.exit_code == 0, again.output
    assert (out / "report.html").read_bytes() == page
    assert_refused(captioning(folder, pictures, words, "-o", out), "exists already; choose another output")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--concept", "colors"), "'colors' is neither a built-in concept nor a file; did you mean 'colours'?"),
        (("--concept", "countries"), "concept 'countries' has no token in this vocabulary"),
        (("--data", "digits"), "of digits has no captions; captioning compares"),
        (("--images", 2), "captioning needs at least 4 heldout images, but takes 2"),
        (("--selection-images", 7), "captioning needs at least 8 selection images, but takes 7"),
        (("--no-sweep",), "instead of --heads and --scale give --doses, --scales and --enhance-scales"),
        (("--other-concept", "WORDS"), "the other concept is hues itself"),
    ],
)
def test_what_cannot_be_studied_is_said_in_one_line(folder, pictures, words, tmp_path, more, reason):
    more = [words if part == "WORDS" else part for part in more]
    assert_refused(captioning(folder, pictures, words, *more, "-o", tmp_path / "out"), reason)
    assert not (tmp_path / "out").exists()


def test_a_text_model_is_refused(pictures, words, tmp_path):
    model = tiny.word_model()
    model.network.save_pretrained(tmp_path / "text")
    model.tokenizer.save_pretrained(tmp_path / "text")
    assert_refused(captioning(tmp_path / "text", pictures, words, "-o", tmp_path / "out"), "image")
