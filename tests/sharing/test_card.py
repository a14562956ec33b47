"""The README of what is pushed: its front matter, its tables, and text that Markdown must not read as its own."""

import json
import re
from dataclasses import replace

import pytest
import yaml
from made_atlas import made_atlas

from headpursuit.analysis import Atlas, RankedHead, SavedEdit, diff_atlases
from headpursuit.heads import Edit, Head
from headpursuit.sharing.card import card
from headpursuit.sharing.content import read_content
from headpursuit.storage import new_folder


def card_of(path, scratch, **more):
    return card(read_content(path, scratch), "me/things", **more)


def front(text):
    return yaml.safe_load(text.split("---")[1])


def test_the_card_of_a_ranking(ranked, tmp_path):
    text = card_of(ranked, tmp_path)
    assert front(text) == {
        "library_name": "headpursuit",
        "base_model": "acme/tiny",
        "tags": ["headpursuit", "attention-heads", "interpretability", "ranking"],
    }
    assert "# Attention heads ranked for hues" in text
    assert "- model: acme/tiny, revision abc123" in text
    assert f"- SHA-256 of its unembedding: {'5a' * 32}" in text
    assert "- tokens that stand for it: 2; words without one: 1" in text
    assert "- found at q ≤ 0.05: 12 heads" in text
    assert "## Best 10 of 12 heads" in text
    assert "| 1 | L0H1 | 0.500 | 0.400 | 3.0 | 0.04 |" in text
    assert text.count("| 0.04 |") == 10
    assert "headpursuit pull me/things -o things\n" in text
    assert re.search(r"Pushed with python [\d.]+, headpursuit [\d.]+, torch .*, huggingface\\_hub \d", text)


def test_the_card_of_an_edit(edited, tmp_path):
    text = card_of(edited, tmp_path, revision="v1")
    assert front(text)["tags"][-1] == "edit"
    assert "# An edit of attention heads for hues" in text
    assert "| L0H1 | -1.5 |\n| L1H1 | -1.5 |" in text
    assert "- positions: all" in text
    assert "headpursuit pull me/things -o things --revision v1\n" in text


def test_positions_of_an_edit_are_listed(tmp_path):
    SavedEdit(Edit({Head(0, 1): 0}, (0, -1))).save(tmp_path / "e.json")
    text = card_of(tmp_path / "e.json", tmp_path)
    assert "- positions: -1, 0" in text
    assert "- model: not known\n- SHA-256 of its unembedding: not known: headpursuit cannot check\n" in text
    assert "base_model" not in front(text)
    assert "headpursuit effects MODEL --edit things" in text


def test_the_card_of_another_folder(tmp_path):
    with new_folder(tmp_path / "a", "capture", {"model": "acme/tiny", "versions": {"torch": "3.0"}}) as folder:
        (folder / "a.json").write_text("{}")
    text = card_of(tmp_path / "a", tmp_path)
    assert "# Capture of attention heads" in text
    assert front(text)["base_model"] == "acme/tiny"
    assert "Made with torch 3.0." in text
    assert "```python" not in text


def test_the_card_of_an_atlas(tmp_path):
    made_atlas().save(tmp_path / "a")
    text = card_of(tmp_path / "a", tmp_path)
    assert front(text)["tags"][-1] == "atlas"
    assert "# Every attention head of models/tiny, named" in text
    assert "- SHA-256 of its unembedding: u" in text
    assert "- captured: 12 prompts, 36 positions" in text
    assert "- heads that are specific for a concept at q ≤ 0.05: 2 of 4" in text
    assert "| countries | 1 | L1H0 |" in text
    assert "| \\<b\\>own\\</b\\> | 2 | L0H0, L1H0 |" in text
    assert "- concept:" not in text
    assert "headpursuit report things\nheadpursuit atlas diff things OTHER\n" in text


def test_facts_of_an_atlas_are_its_own(tmp_path):
    made_atlas(identity=replace(made_atlas().identity, revision="abc")).save(tmp_path / "a")
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    (tmp_path / "a" / "manifest.json").write_text(json.dumps(manifest | {"model": "other/model", "revision": "x"}))
    text = card_of(tmp_path / "a", tmp_path)
    assert front(text)["base_model"] == "models/tiny"
    assert "- model: models/tiny, revision abc\n" in text
    assert "other" not in text


def test_the_card_of_a_comparison(tmp_path):
    after = made_atlas(identity=replace(made_atlas().identity, model="acme/tuned", revision="<1>"))
    diff_atlases(made_atlas(), after).save(tmp_path / "d")
    text = card_of(tmp_path / "d", tmp_path)
    assert front(text)["tags"][-1] == "atlas diff"
    assert "base_model" not in front(text)
    assert "# Attention heads of models/tiny and acme/tuned compared" in text
    assert "- before: models/tiny\n- after: acme/tuned, revision \\<1\\>\n" in text
    assert "No head changed its words." in text
    assert "| \\<b\\>own\\</b\\> | 0 | 0 |" in text
    assert not re.search("not known|not said", text)
    assert "headpursuit report things\n" in text


def test_where_a_folder_lies_is_not_said(ranking, tmp_path):
    place = "/home/someone/secret/tiny"
    replace(ranking, model=place).save(tmp_path / "ranking.json")
    SavedEdit.of(replace(ranking, model=place)).save(tmp_path / "e.json")
    made_atlas(identity=replace(made_atlas().identity, model=place)).save(tmp_path / "a")
    diff_atlases(made_atlas(), Atlas.load(tmp_path / "a")).save(tmp_path / "d")
    for number, name in enumerate(("ranking.json", "e.json", "a", "d")):
        (scratch := tmp_path / str(number)).mkdir()
        text = card_of(tmp_path / name, scratch)
        assert "secret" not in text
        assert re.search(r"- (model|after): tiny, revision|- (model|after): tiny\n", text)


def test_a_ranking_of_an_older_version_has_no_q(ranking, tmp_path):
    replace(ranking, entries=(RankedHead(Head(0, 1), 0.5, 0.4, 3.0),)).save(tmp_path / "ranking.json")
    text = card_of(tmp_path / "ranking.json", tmp_path)
    assert "- q-values: none" in text
    assert "| 1 | L0H1 | 0.500 | 0.400 | 3.0 | – |" in text


@pytest.mark.parametrize("concept", ["<script>alert(1)</script>", "a | b", "[x](http://y)\n# z", "![i](j)"])
def test_names_are_shown_as_they_are(ranking, tmp_path, concept):
    names = {"concept": concept, "model": "x; rm -rf `y`", "unembedding_sha256": concept, "ranker": concept}
    replace(ranking, **names).save(tmp_path / "ranking.json")
    text = card_of(tmp_path / "ranking.json", tmp_path)
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    assert not re.search(r"(?<!\\)[<\[!]", prose)
    assert "base_model" not in front(text)
    assert "headpursuit effects 'x; rm -rf `y`' --revision abc123 --ranking" in text
    assert not any(line == "# z" for line in text.splitlines())
