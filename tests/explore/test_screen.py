import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
from captured import PROMPTS

from headpursuit.analysis import SavedEdit
from headpursuit.concepts import WordsChanged
from headpursuit.explore import View, fragments
from headpursuit.explore.answers import Answer, Damage, Table
from headpursuit.explore.screen import Screen, begin_answers, screen
from headpursuit.explore.visitor_input import typed_concept
from headpursuit.heads import Edit, Head

PLACE = Path("cap")
VIEW = View(concept="w20, w61, w133, no-such-word", prompt="w5 w9 w20")
EVIL = "<script>alert(1)</script>{{7*7}}${7*7}"


def shown(bench, **changes):
    return screen(bench, PLACE, View(**{"concept": VIEW.concept, "prompt": VIEW.prompt, **changes}))


def test_a_concept_shows_its_words_every_head_and_the_edit(bench):
    found = shown(bench)
    assert found.message == ""
    assert found.audit.count('class="hp-chip"') == 3
    assert re.search(r"hp-dropped.*no-such-word", found.audit, re.S)
    assert "3 tokens for 3 of them; 1 word is dropped" in found.audit
    cells = re.findall(r'class="head(?: negative)?( edited)?" data-head="(L\dH\d)"', found.heatmap)
    assert sorted(name for _, name in cells) == sorted(map(str, bench.heads))
    ranking = bench.rank(typed_concept(VIEW.concept))
    assert {name for best, name in cells if best} == set(map(str, ranking.top(2)))
    assert re.findall(r'data-head="(L\dH\d)"', found.ranking) == [str(head) for head in ranking.top(10)]
    content = base64.b64decode(re.search(r'base64,([^"]+)"', found.export)[1])
    assert json.loads(content) == SavedEdit.of(ranking, 2, -1).to_json()


def test_the_map_changes_with_concept_and_score(bench):
    first = shown(bench).heatmap
    assert shown(bench, concept="w99, w100").heatmap != first
    explained = shown(bench, score="explained").heatmap
    assert explained != first
    assert 'data-score="explained"' in explained


def test_a_head_shows_its_tokens_and_prompts(bench):
    detail = bench.detail(Head(1, 2))
    found = shown(bench, head="L1H2").head
    assert all(f"<code>{token}</code>" in found for token in detail.explanation.tokens)
    assert PROMPTS[detail.strongest[0].prompt] in found
    assert 'aria-pressed="true"' in shown(bench, head="L1H2").heatmap
    assert "Click a head" in shown(bench).head


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"concept": "no-such-word"}, "has no token in this vocabulary"),
        ({"concept": " "}, "type words with commas"),
        ({"head": "L7H7"}, "L7H7"),
        ({"head": "<b>"}, "&lt;b&gt;"),
        ({"picked": "L7H7"}, "no head L7H7"),
    ],
)
def test_what_cannot_be_is_told_and_the_map_stays(bench, changes, expected):
    found = shown(bench, **changes)
    assert expected in found.message
    assert found.heatmap is found.ranking is found.export is None
    assert "<b>" not in found.message


def test_dropped_words_are_shown_though_none_is_left(bench):
    assert "no-such-word" in shown(bench, concept="no-such-word").audit


def test_what_became_of_typed_words_is_told(bench):
    with pytest.warns(WordsChanged):
        found = shown(bench, concept="w20, w\u200b61, \u200b, cafe\u0301")
    assert "1 word was dropped, having nothing but invisible characters: &#39;\\u200b&#39;." in found.audit
    assert "2 words were normalised: &#39;w\\u200b61&#39; -&gt; &#39;w61&#39;, " in found.audit
    assert "type words with commas between them" in shown(bench, concept="\u200b, \xad").message


def test_script_tags_are_text_everywhere(bench):
    concept = typed_concept(f"w20,{EVIL}")
    found = screen(bench, PLACE, View(concept=f"w20,{EVIL}", head="L1H2"))
    table = Table({"base": Answer(f"{EVIL} w20", finished=True), "edit": Answer(EVIL)}, Damage(9.0, 1.0, 0.0, (EVIL,)))
    drawn = [part for part in found.parts()[:6] if part] + [
        fragments.answers(table, concept),
        fragments.message(EVIL),
    ]
    assert len(drawn) == 7
    for fragment in drawn:
        assert "<script" not in fragment
    assert "<mark>w20</mark>" in drawn[-2]
    assert "The model falls apart" in drawn[-2]


def test_answers_are_those_of_the_edit_on_the_screen(bench):
    picked = View(concept=VIEW.concept, prompt=VIEW.prompt, picked="L0H1 L2H2", scale=8.0, tokens=4, random=False)
    table = list(begin_answers(bench, picked))[-1]
    assert table.answers["edit"].edit == Edit({"L0H1": 8, "L2H2": 8})
    assert set(table.answers) == {"base", "edit"}
    assert not table.undrawn
    with pytest.raises(ValueError, match="type a prompt first"):
        begin_answers(bench, View(concept=VIEW.concept, prompt=" "))


def test_random_heads_that_cannot_be_drawn_are_missed_aloud(bench):
    whole_layer = View(concept=VIEW.concept, prompt=VIEW.prompt, picked="L0H0 L0H1 L0H2 L0H3", tokens=2)
    table = list(begin_answers(bench, whole_layer))[-1]
    assert set(table.answers) == {"base", "edit"}
    assert "the layers of the edit have not as many others" in fragments.answers(table, None)


def test_a_model_that_sees_says_what_it_saw():
    table = Table({"base": Answer("w5", finished=True)})
    assert "hp-picture" not in fragments.answers(table, None)
    assert "No image was given" in fragments.answers(table, None, "")
    assert 'src="data:image/png' in fragments.answers(table, None, "data:image/png;base64,x")


def test_the_edit_says_how_it_is_shipped(bench):
    assert "headpursuit export tiny-llama --edit edit.json" in shown(bench).export
    assert "weights and adapters cannot" in shown(bench, scope="generated").export


def test_pictures_are_refused_where_the_model_sees_none(bench, tmp_path):
    from PIL import Image

    file = tmp_path / "x.png"
    Image.new("RGB", (8, 8)).save(file)
    with pytest.raises(ValueError, match="without an image processor"):
        list(begin_answers(bench, VIEW, file))
    file.write_bytes(b"GIF89a no")
    with pytest.raises(ValueError, match="damaged|not an image") as error:
        begin_answers(bench, VIEW, file)
    assert str(tmp_path) not in str(error.value)


def test_huge_pictures_are_refused_unopened(bench, tmp_path, monkeypatch):
    from PIL import Image

    file = tmp_path / "x.png"
    Image.new("1", (6000, 6000)).save(file)
    monkeypatch.setattr("headpursuit.media.images.opening._as_rgb", None)
    with pytest.raises(ValueError, match="6000 x 6000 pixels; at most 25,000,000"):
        begin_answers(bench, VIEW, file)


def test_the_python_on_the_screen_prints_the_answer_on_the_screen(bench, tmp_path, capsys):
    bench.model.network.save_pretrained(tmp_path / "tiny")
    bench.model.tokenizer.save_pretrained(tmp_path / "tiny")
    bench.capture.save(tmp_path / "cap")
    view = View(concept="w20, w61, w133", prompt=tiny.text_of(range(5, 11)), scale=8.0, tokens=4)
    table = list(begin_answers(bench, view))[-1]
    code = screen(bench, tmp_path / "cap", view).python.replace("tiny-llama", str(tmp_path / "tiny"))
    exec(compile(code, "screen", "exec"), {})
    assert capsys.readouterr().out.strip() == table.answers["edit"].text


def test_the_command_line_on_the_screen(bench):
    found = shown(bench, score="explained", head="L1H2", scale=2.5, scope="generated").commands.splitlines()
    assert found == [
        "printf '%s\\n' w20 w61 w133 no-such-word > words.txt",
        "headpursuit rank cap --concept words.txt --score explained -o ranking",
        "headpursuit explain cap --head L1H2",
        "headpursuit edit ranking --heads 2 --scale 2.5 --scope generated -o edit.json",
    ]
    assert shown(bench).commands.endswith("export tiny-llama --edit edit.json --format ia3 -o edited")
    assert isinstance(shown(bench), Screen)


def test_commands_on_the_screen_hand_in_the_anatomy(bench, monkeypatch):
    monkeypatch.setattr(bench, "model", replace(bench.model, handed_file="my heads.yaml"))
    found = shown(bench, head="L1H2")
    told = [line for line in found.commands.splitlines() if line.startswith("headpursuit --anatomy 'my heads.yaml' ")]
    assert [line.split()[4] for line in told] == ["rank", "explain", "export"]
    assert "hp.load('tiny-llama', anatomy='my heads.yaml')" in found.python
