"""What notebooks show of results: small, and text that stays text."""

import re
from dataclasses import replace

import pytest
import tiny

import headpursuit as hp
from headpursuit.notebook import html_table

TRAP = "<script>alert('&')</script>"


@pytest.fixture(scope="module")
def shown():
    model = hp.LanguageModel(tiny.network("llama"), tiny.word_tokenizer(), TRAP)
    before = model._repr_html_()
    capture = hp.capture(model, [tiny.text_of([5, 40]), tiny.text_of([6])])
    ranking = replace(hp.rank(model, capture, {TRAP: ["w20", "w61"]}), ranker="")
    return {
        "before": before,
        "model": model._repr_html_(),
        "capture": capture._repr_html_(),
        "ranking": ranking._repr_html_(),
    }


def test_they_are_small_tables_in_which_nothing_is_markup(shown):
    for html in shown.values():
        assert html.startswith("<table><caption>")
        assert html.endswith("</table>")
        assert set(re.findall(r"</?(\w+)", html)) == {"table", "caption", "tr", "th", "td"}
        assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in html
        assert len(html) < 2000


def test_they_say_what_it_is(shown):
    assert "not looked for yet" in shown["before"]
    assert "12 heads: layers 0-2 with 4 heads of width 8" in shown["model"]
    assert "<td>2 (last)</td>" in shown["capture"]
    assert "<td>12 in 3 attentions</td>" in shown["capture"]
    assert "12 heads by specificity" in shown["ranking"]
    assert shown["ranking"].count("<tr>") == 11
    assert "<th>z</th>" in shown["ranking"]


def test_a_ranking_shows_its_best_ten_by_what_they_are_sorted_by():
    heads = [hp.Head(i, 0) for i in range(30)]
    from headpursuit.analysis import RankedHead

    entries = tuple(RankedHead(head, 0.5, 0.25, 2.0, ranker_score=9.0 - i) for i, head in enumerate(heads))
    html = hp.Ranking("c", entries, hp.RankConfig(), "", None, "", (), ranker="mine")._repr_html_()
    assert "c in a model without a name: 30 heads by mine" in html
    assert re.findall(r"L\d+H0", html) == [f"L{i}H0" for i in range(10)]
    assert "<td>L0H0</td><td>9</td><td>0.5</td><td>0.25</td><td>2</td>" in html


def test_a_table_without_a_header_names_its_rows():
    assert html_table("<b>", [("a", 1)]) == "<table><caption>&lt;b&gt;</caption><tr><th>a</th><td>1</td></tr></table>"
