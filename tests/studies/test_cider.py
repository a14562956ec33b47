import json
from pathlib import Path

import pytest

from headpursuit.studies.text.cider import Cider, tokens

FROZEN = json.loads((Path(__file__).parent / "cider_scores.json").read_text("utf-8"))


@pytest.mark.parametrize("images", FROZEN)
def test_scores_are_those_of_pycocoevalcap(images):
    """The scores were frozen by tools/build_cider_scores.py."""
    assert any(images["scores"]) == (len(images["captions"]) > 1)
    scorer = Cider(images["references"])
    assert scorer.scores(images["captions"]) == pytest.approx(images["scores"], rel=1e-9, abs=1e-12)
    assert scorer.mean(images["captions"]) == pytest.approx(sum(images["scores"]) / len(images["scores"]))


@pytest.mark.parametrize("images", FROZEN)
def test_scores_are_those_of_pycocoevalcap_where_it_is_installed(images):
    package = pytest.importorskip("pycocoevalcap.cider.cider")
    references = {n: [" ".join(tokens(each)) for each in several] for n, several in enumerate(images["references"])}
    captions = {n: [" ".join(tokens(caption))] for n, caption in enumerate(images["captions"])}
    mean, scores = package.Cider().compute_score(references, captions)
    scorer = Cider(images["references"])
    assert scorer.scores(images["captions"]) == pytest.approx(list(scores), rel=1e-9, abs=1e-12)
    assert scorer.mean(images["captions"]) == pytest.approx(mean)


def test_a_caption_equal_to_its_only_reference_scores_ten():
    references = [["a red dog sits on a mat"], ["two green stars and one circle"]]
    assert Cider(references).scores([several[0] for several in references]) == pytest.approx([10, 10])


def test_the_same_scorer_serves_several_captions_and_longer_ones_lose():
    scorer = Cider([["a red dog sits on a mat"], ["two green stars"]])
    short = scorer.scores(["a red dog sits on a mat", ""])
    long = scorer.scores(["a red dog sits on a mat a red dog sits on a mat a red dog sits on a mat", ""])
    assert short == pytest.approx([10, 0])
    assert long[0] < 1


def test_one_image_tells_nothing_apart():
    assert Cider([["a red dog"]]).scores(["a red dog"]) == [0]


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(ValueError, match="CIDEr needs the references of one image at least"):
        Cider([])
    with pytest.raises(ValueError, match="image 1 has no references"):
        Cider([["a"], []])
    with pytest.raises(ValueError, match="1 captions do not match the references of 2 images"):
        Cider([["a"], ["b"]]).scores(["a"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A red Circle, above; a star!", "a red circle above a star"),
        ("The dog's ball isn't here.", "the dog 's ball is n't here"),
        ("it’s they're", "it 's they 're"),
        ('"Quoted" (in brackets) -- dashed - words...', "quoted in brackets dashed words"),
        ("a well-worn T-shirt", "a well-worn t-shirt"),
        ("3,000 at 10:30, 22nd, 7.", "3,000 at 10:30 22nd 7"),
        ("black & white/grey", "black & white / grey"),
        ("", ""),
        ("?!", ""),
    ],
)
def test_tokens(text, expected):
    assert tokens(text) == expected.split()
