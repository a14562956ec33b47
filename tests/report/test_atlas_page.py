import html
import json
import re
from html.parser import HTMLParser

import pytest
import torch
from browser import CHROMIUM, driven
from made_atlas import CONCEPTS, HEADS, SPECIFICITY, TOKENS, Q, made_atlas

from headpursuit.analysis import diff_atlases
from headpursuit.report import render

TIP = "L1H0\ncountries: specificity 0.600\ncountries: explained 0.800\ncountries: q 0.002\n·France"


class Page(HTMLParser):
    """A page's rows of text, by the table's id, its tags, and the data its script reads."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags, self.labelled, self.ids, self.data = [], [], [], [], ""
        self._in_data = False
        self.feed(text)
        self.data = json.loads(self.data)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self._in_data = attrs.get("id") == "page-data"
        if tag == "tr":
            self.rows.append("")

    def handle_endtag(self, tag):
        self._in_data = False

    def handle_data(self, text):
        if self._in_data:
            self.data += text
        elif self.rows:
            self.rows[-1] += text

    def row_of(self, head):
        return next(row for row in self.rows if row.startswith(str(head)))


def page_of(folder):
    return render(folder).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "atlas"
    made_atlas().save(path)
    return path


@pytest.fixture(scope="module")
def diff_folder(tmp_path_factory):
    specificity, q = torch.tensor(SPECIFICITY), torch.tensor(Q, dtype=torch.float64)
    specificity[3, 0], q[3, 0], q[2, 1] = 0.7, 0.01, 0.5
    tokens = TOKENS | {HEADS[2]: (("<i>Paris", " France"), (9, 7), (0.5, 0.9))}
    path = tmp_path_factory.mktemp("pages") / "diff"
    diff_atlases(made_atlas(), made_atlas(tokens, specificity=specificity, q=q)).save(path)
    return path


def test_every_head_has_its_tokens_and_its_concepts(folder):
    page = Page(page_of(folder))
    assert "·red" in page.row_of("L0H0")
    assert re.search(r"0\.500<b>own</b> 0\.300 colours 0\.200", page.row_of("L0H0"))
    assert re.search(r"0\.900countries 0\.600 <b>own</b> 0\.100", page.row_of("L1H0"))
    assert "countries" not in page.row_of("L1H1")
    assert any(row.startswith("colours111L0H0") for row in page.rows)


def test_the_data_are_those_of_the_atlas(folder):
    data = Page(page_of(folder)).data
    assert data["heads"] == [str(head) for head in HEADS]
    assert data["places"] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert data["sites"] == ["L0", "L1"]
    assert data["tokens"][0] == ["red", "blue"]
    assert set(data["columns"]) == set(CONCEPTS)
    assert data["columns"]["countries"]["specificity"] == pytest.approx([row[1] for row in SPECIFICITY])
    assert data["columns"]["countries"]["q"] == pytest.approx([row[1] for row in Q])
    assert data["concepts"][0] == ["<b>own</b>", "colours"]
    assert data["sortable"] == {"explained": [0.5, 0.25, 0.9, 0], "best": pytest.approx([0.3, -1, 0.6, -1])}


def test_the_script_finds_what_it_asks_for(folder, diff_folder):
    for text in (page_of(folder), page_of(diff_folder)):
        page = Page(text)
        guarded = {"score", "only", "shown-name", "all"}
        asked = set(re.findall(r'byId\("([\w-]+)"\)', text)) - guarded
        assert asked <= set(page.ids)
    assert guarded - {"all"} <= set(Page(page_of(folder)).ids)


@pytest.mark.parametrize("kind", ["atlas", "diff"])
def test_everything_is_inside_and_escaped(kind, folder, diff_folder):
    text = page_of(folder) if kind == "atlas" else page_of(diff_folder)
    assert "default-src 'none'" in text
    assert not re.findall(r'(?:src|href)="(?!data:|#|https://arxiv)', text)
    assert "<script>alert" not in text
    assert "<b>own" not in text
    assert "<i>Paris" not in text
    assert html.escape("<script>alert(1)</script>") in text
    assert Page(text).tags.count("script") == 2
    assert len(text) < 100_000


def test_values_that_are_no_numbers_are_left_blank(tmp_path):
    z = torch.tensor(SPECIFICITY)
    z[0, 0], z[1, 1], z[2, 0] = torch.inf, torch.nan, -1e9
    made_atlas(z=z, specificity=z.clone()).save(tmp_path / "atlas")
    text = page_of(tmp_path / "atlas")
    columns = Page(text).data["columns"]
    assert columns["colours"]["specificity"][0] is None
    assert columns["countries"]["z"][1] is None
    # Of z the largest are drawn darkest, as random dictionaries that hardly vary.
    assert (columns["colours"]["z"][0], columns["colours"]["z"][2]) == (1000, -1000)
    assert not re.search(r"NaN|Infinity", re.search(r'id="page-data">(.*?)</script>', text).group(1))


def test_changes_that_are_no_numbers_are_left_blank(tmp_path):
    specificity = torch.tensor(SPECIFICITY)
    specificity[0, 0], specificity[:, 1] = torch.nan, torch.inf
    tokens = TOKENS | {HEADS[2]: ((" France",), (7,), (torch.nan,))}
    diff_atlases(made_atlas(), made_atlas(tokens, specificity=specificity)).save(tmp_path / "diff")
    text = page_of(tmp_path / "diff")
    page = Page(text)
    assert not re.search(r"NaN|Infinity", re.search(r'id="page-data">(.*?)</script>', text).group(1))
    assert not re.search(r"[+−-]?\b(nan|inf)\b", text)
    assert page.data["sortable"]["explained"][page.data["heads"].index("L1H0")] is None
    assert any(row.startswith("countries00L1H0–") for row in page.rows)


def test_the_level_of_a_page_is_that_of_its_findings(tmp_path):
    diff_atlases(made_atlas(), made_atlas(), level=0.01).save(tmp_path / "diff")
    assert "q ≤ 0.01 in one" in page_of(tmp_path / "diff")


def test_a_page_can_be_drawn_again_and_the_folder_stays_whole(folder, diff_folder):
    for path, name in ((folder, "atlas.html"), (diff_folder, "diff.html")):
        assert render(path) == path / name
        first = (path / name).read_bytes()
        assert render(path).read_bytes() == first


def test_what_changed_most_comes_first_and_is_marked(diff_folder):
    text = page_of(diff_folder)
    page = Page(text)
    assert [row[:4] for row in page.rows if re.match(r"L\dH\d", row)][:2] == ["L1H0", "L0H0"]
    assert '<bdi class="token new">&lt;i&gt;Paris</bdi>' in text
    assert '<bdi class="token">·France</bdi>' in text
    assert "− countries" in page.row_of("L1H0")
    assert re.search(r"\+ colours *colours \+0\.700", page.row_of("L1H1"))
    assert any(row.startswith("colours10L1H1+0.700") for row in page.rows)
    assert page.data["columns"]["words changed"]["change"] == pytest.approx([0.5, 0, 0, 0])
    assert "Both models have the same output projections" in text


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_searching_sorting_and_choosing_in_a_browser(folder, tmp_path):
    found = driven(render(folder), "visit-atlas.js", tmp_path)
    every = [str(head) for head in HEADS]
    assert found["start"][:2] == [every, "4 of 4 heads"]
    assert found["colours"] == [["L0H0"], "colours", "1 of 4 heads"]
    assert found["country"] == [["L1H0"], "countries"]
    assert found["token"] == ["L1H0"]
    assert found["script"] == ["L0H1"]
    assert sorted(found["layer_name"]) == ["L1H0", "L1H1"]
    assert (found["both"], found["neither"], found["all"]) == (["L0H0"], [], every)
    assert sorted(found["layer"]) == ["L0H0", "L0H1"]
    assert found["only"] == ["L0H0"]
    assert found["explained"] == ["L1H0", "L0H0", "L0H1", "L1H1"]
    assert (found["up"], found["head"], found["sorted"]) == (found["explained"][::-1], every, "ascending")
    assert found["shares"] == ["100.0", "12.5"]
    assert found["title"][0].startswith("countries: explained, full colour at 0.800")
    assert found["title"][1:] == ["countries: explained", TIP]
    assert found["negative"] == [True, False]
    assert found["out"] == [True, False]
    assert found["order"] == ["L1", "L0"]
    assert (found["moved"], found["down"], found["stops"]) == ("L1H1", "L0H1", 1)
    assert found["hidden"] is True
    hidden, text, scripts = found["detail"]
    assert (hidden, scripts) == (False, 0)
    assert "L0H1" in text
    assert "<script>alert(1)</script>0.200" in text
    assert "colours0.0500.2500.200" in text
    assert found["pressed"] == "true"


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_comparison_in_a_browser(diff_folder, tmp_path):
    found = driven(render(diff_folder), "visit-atlas-diff.js", tmp_path)
    assert found["start"] == ["L1H0", "words changed", "100.0"]
    assert (found["token"], found["concept"]) == (["L1H0"], ["L1H1"])
    assert found["order"] == ["L1H0", "L0H0", "L0H1", "L1H1"]
    assert (found["shown"], found["share"]) == ("specificity for colours", "100.0")
    assert "specificity for colours0.700" in found["detail"]
