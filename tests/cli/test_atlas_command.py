import json
import re

import planted_words
import pytest
from made_atlas import HEADS, TOKENS, made_atlas
from typed import assert_refused, run

from headpursuit.analysis import Atlas, AtlasDiff, CaptureConfig, capture
from headpursuit.storage import read_manifest


@pytest.fixture(scope="module")
def captured(tmp_path_factory):
    """A capture without samples of a model in a folder, whose L1H2 writes the words of a list."""
    place = tmp_path_factory.mktemp("captured")
    model = planted_words.saved_model(place / "model")
    capture(model, planted_words.PROMPTS, CaptureConfig("prompt", samples=0)).save(place / "cap")
    (place / "planted.txt").write_text("\n".join(planted_words.CONCEPT.words))
    (place / "few.txt").write_text("w30\nw31\nw77\n")
    return place


def build(captured, output, *more):
    lists = f"{captured / 'planted.txt'}, {captured / 'few.txt'}"
    return run("atlas", captured / "cap", "-o", output, "--no-builtin", "--concepts", lists, "--n-draws", 60, *more)


@pytest.fixture(scope="module")
def built(captured):
    result = build(captured, captured / "atlas", "--n-tokens", 3, "--null", "any", "--seed", 4)
    assert result.exit_code == 0, result.output
    return result


def test_an_atlas_is_printed_written_and_drawn(captured, built):
    assert "heads are specific for a concept" in built.stdout
    assert re.search(r"planted +10 +\d+ +L1H2", built.stdout)
    assert f"written: {captured / 'atlas' / 'atlas.html'}" in built.stdout
    assert set(read_manifest(captured / "atlas", "atlas")["files"]) == {"atlas.json", "scores.safetensors"}
    atlas = Atlas.load(captured / "atlas")
    assert atlas.names == ("planted", "few")
    assert all(len(explanation.tokens) <= 3 for explanation in atlas.explanations)
    ranking = atlas.config.ranking
    assert (ranking.n_draws, ranking.null, ranking.seed) == (60, "any", 4)
    assert "Head Pursuit: head atlas" in (captured / "atlas" / "atlas.html").read_text()


def test_from_weights_a_model_stands_where_captures_do(captured):
    common = ("--no-builtin", "--concepts", captured / "planted.txt", "--n-draws", 60, "--null", "any")
    result = run("atlas", captured / "model", "--from-weights", "-o", captured / "alone", *common)
    assert result.exit_code == 0, result.output
    assert re.search(r"planted +10 +\d+ +L1H2", result.stdout)
    assert Atlas.load(captured / "alone").from_weights
    assert "from weights alone" in (captured / "alone" / "atlas.html").read_text()
    refused = run("atlas", captured / "model", "--from-weights", "-o", captured / "no", "--model", "m", *common)
    assert_refused(refused, "--from-weights names a model where captures stand")


def test_build_is_what_atlas_does(captured, built):
    """Options may come first, and the word may be said."""
    named = run(
        "atlas", "-o", captured / "named", "--concepts", captured / "few.txt", "--no-builtin", "--n-draws", 2,
        captured / "cap",
    )  # fmt: skip
    assert named.exit_code == 0, named.output
    again = run("atlas", "build", captured / "cap", "-o", captured / "named")
    assert_refused(again, "exists already")
    assert "--n-tokens" in run("atlas", "build", "--help").stdout
    assert all(word in run("atlas", "--help").stdout for word in ("build", "diff"))


def test_the_page_is_drawn_again_by_report(captured, built):
    page = captured / "atlas" / "atlas.html"
    before = page.read_bytes()
    page.unlink()
    result = run("report", captured / "atlas")
    assert result.exit_code == 0, result.output
    assert page.read_bytes() == before


def test_built_in_concepts_take_part_unless_they_are_left_out(captured):
    result = run("atlas", captured / "cap", "-o", captured / "all", "--concepts", captured / "few.txt", "--n-draws", 2)
    assert result.exit_code == 0, result.output
    assert "colours is left out: none of its" in result.stdout
    assert "with 2 draws none can be found before" in result.stdout
    assert set(Atlas.load(captured / "all").left_out) >= {"colours", "countries"}


def test_what_cannot_be_built_is_refused_in_one_line(captured, tmp_path):
    out = ("-o", tmp_path / "out")
    assert_refused(run("atlas", captured / "none", *out), "there is no folder")
    assert_refused(run("atlas", captured / "cap", *out, "--concepts", "colour"), "did you mean 'colours'?")
    assert_refused(run("atlas", captured / "cap", *out, "--no-builtin"), "name some with --concepts")
    assert_refused(run("atlas", captured / "cap", *out, "--n-tokens", 0), "n_tokens is 0")
    (tmp_path / "colours.txt").write_text("w30\n")
    assert_refused(
        run("atlas", captured / "cap", *out, "--concepts", tmp_path / "colours.txt"), "two different concepts"
    )
    assert not (tmp_path / "out").exists()


@pytest.fixture
def two(tmp_path):
    made_atlas().save(tmp_path / "a")
    made_atlas(TOKENS | {HEADS[2]: ((" Paris", " France"), (9, 7), (0.5, 0.9))}, vocabulary_sha256="w").save(
        tmp_path / "b"
    )
    return tmp_path / "a", tmp_path / "b"


def test_two_atlases_are_compared(two, tmp_path):
    result = run("atlas", "diff", *two, "-o", tmp_path / "diff")
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if re.match(r" *L\dH\d", line)]
    assert re.match(r"L1H0 +0\.500 +0\.286 +' Paris'", lines[0].strip())
    assert "4 of 4 heads, most changed first" in result.stdout
    assert "most of all those of L1H0 (0.500)" in result.stdout
    assert "The vocabularies differ, so tokens are compared by their text." in result.stdout
    assert f"written: {tmp_path / 'diff' / 'diff.html'}" in result.stdout
    assert [str(c.head) for c in AtlasDiff.load(tmp_path / "diff").heads][0] == "L1H0"
    assert run("report", tmp_path / "diff").exit_code == 0


def test_a_comparison_need_not_be_written_and_prints_the_top(two, tmp_path):
    result = run("atlas", "diff", *two, "--top", 1)
    assert result.exit_code == 0, result.output
    assert "1 of 4 heads" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_what_cannot_be_compared_is_refused_in_one_line(two, tmp_path):
    made_atlas(anatomy="9 heads: layer 0 with 9 heads of width 8").save(tmp_path / "c")
    assert_refused(run("atlas", "diff", two[0], tmp_path / "c"), "compare atlases of one architecture")
    assert_refused(run("atlas", "diff", two[0], tmp_path / "none"), "expected an atlas")
    assert_refused(run("atlas", "diff", *two, "-o", two[0]), "exists already")
    manifest = json.loads((two[0] / "manifest.json").read_text())
    (two[0] / "manifest.json").write_text(json.dumps(manifest | {"kind": "study"}))
    assert_refused(run("atlas", "diff", *two), "is no atlas: its manifest.json says 'study'")
