"""The page: complete, self-contained, deterministic, and safe whatever a model wrote."""

import json
from dataclasses import asdict, replace
from html.parser import HTMLParser

import pytest
from browser import CHROMIUM, driven
from finished_study import examples_for, ranking, save, study_result

from headpursuit.heads import Head
from headpursuit.report import render
from headpursuit.report.pages import answers, captions
from headpursuit.report.parts import examples
from headpursuit.storage import new_folder, write_json
from headpursuit.studies import CaptioningResult
from headpursuit.studies.results import Outcome, Verdict

pytestmark = pytest.mark.usefixtures("blank_pictures")

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;{{ 7*7 }}\u2028�"


class Page(HTMLParser):
    """What a browser would see: tags with attributes, visible text, and the scripts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.scripts, self._script = [], "", [], False
        self.feed(html)
        self.data = json.loads(self.scripts[0])

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._script = tag == "script"
        if self._script:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._script = False

    def handle_data(self, data):
        if self._script:
            self.scripts[-1] += data
        else:
            self.text += data

    def cell(self, head):
        return next(attrs for _, attrs in self.tags if attrs.get("data-head") == str(head))

    def count(self, tag):
        return sum(t == tag for t, _ in self.tags)


def page_of(result):
    kind = captions if isinstance(result, CaptioningResult) else answers
    return Page(kind.page_of(result).text())


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    result = study_result()
    return result, Page(render(save(result, tmp_path_factory.mktemp("plain") / "study")).read_text(encoding="utf-8"))


def test_the_page_and_the_pictures_are_in_the_folder_over_older_ones(tmp_path):
    folder = save(study_result(), tmp_path / "study")
    (folder / "report.html").write_text("older")
    assert render(folder) == folder / "report.html"
    assert "older" not in (folder / "report.html").read_text(encoding="utf-8")[:10]
    assert {path.name for path in folder.iterdir() if path.name.startswith(".")} == set()
    pictures = {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
    assert set(pictures) == {"heatmap.png", "heatmap.svg", "arms.png", "arms.svg"}
    assert pictures["arms.png"].startswith(b"\x89PNG")
    assert b"<svg" in pictures["heatmap.svg"]


def test_everything_a_reader_needs_is_on_it(plain):
    result, page = plain
    wanted = [
        "countries-qa",
        "smollm2-135m",
        result.verdict.outcome,
        result.verdict.sentence,
        *result.verdict.reasons,
        "over 5 draws of random heads of the same layers:",
        "p = 0.17",
        "p = 0.5",
        "1.1 % of 270",
        "0.46 → 0.04",
        "91 % less than unedited",
        "0.66 → 0.11",
        *(arm.name for arm in result.arms),
        "mean of matched",
        "mean of random",
        *(str(entry.head) for entry in result.ranking.entries[:30]),
        *(example.prompt for example in result.examples),
        "·Peru",
        "Papua New Guinea",
        result.command,
        "Seed 0",
        "torch",
        "2.13.0",
        "scale 1: bit-equal",
        "arXiv:2510.21518",
    ]
    assert [text for text in wanted if text not in page.text] == []


def test_the_mean_of_the_controls_is_their_mean(plain):
    result, page = plain
    rates = [arm.target.score.value for arm in result.arms_of("matched")]
    row = page.text.split("mean of matched")[1].split("random-1")[0]
    assert row.split()[2] == f"{sum(rates) / len(rates):.2f}"


def test_the_heatmap_has_every_head_with_its_scores_and_tokens(plain):
    result, page = plain
    best = result.ranking.entries[0]
    at = page.data["heads"].index(str(best.head))
    assert len(page.data["heads"]) == len([a for _, a in page.tags if "data-head" in a]) == 270
    assert page.data["places"][at] == [best.head.layer, best.head.index]
    assert page.data["edited"] == sorted(result.edit.heads)
    note = next(note for note in result.notes if note.head == str(best.head))
    assert page.data["visible"][at][0].strip("·") == note.tokens[0].strip()
    assert page.data["curves"][at] == pytest.approx(note.explained)
    scores = page.data["columns"]["countries"]
    assert set(scores) == {"explained", "specificity", "z"}
    assert scores["explained"][at] == pytest.approx(best.explained, rel=1e-4)
    largest = max(entry.explained for entry in result.ranking.entries)
    assert page.data["limits"]["countries"]["explained"] == pytest.approx(largest, rel=1e-4)


def test_the_map_is_complete_without_a_script(plain):
    result, page = plain
    best, last = result.ranking.entries[0], result.ranking.entries[-1]
    assert page.cell(best.head)["aria-label"] == f"{best.head} specificity {best.specificity:.3f}"
    assert page.cell(best.head)["style"] == "--share:100.0"
    assert page.cell(best.head)["class"] == "head edited"
    assert page.cell(last.head)["class"] == "head negative"
    below = page.cell(Head(best.head.layer - 1, best.head.index))
    assert float(below["y"]) > float(page.cell(best.head)["y"])
    assert [a["data-head"] for _, a in page.tags if a.get("tabindex") == "0" and "data-head" in a] == [str(best.head)]


def test_a_table_lists_every_head_the_best_at_first(plain):
    result, page = plain
    rows = page.text.split("best first; · is a space.")[1].split("Damage")[0]
    assert [str(e.head) for e in result.ranking.entries if str(e.head) not in rows] == []
    assert sum("hidden" in attrs for tag, attrs in page.tags if tag == "tr") == 240


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [1280, 600], ids=["desktop", "small"])
def test_pointing_searching_sorting_and_choosing_in_a_browser(width, plain, tmp_path):
    result, _ = plain
    found = driven(render(save(result, tmp_path / "study")), "visit-study.js", tmp_path, width)
    entries, names = result.ranking.entries, [str(entry.head) for entry in result.ranking.entries]
    assert found["start"] == [names[:30], "270 of 270 heads, 30 in the table"]
    assert found["seen"] == 30
    note = next(note for note in result.notes if note.head == names[0])
    tip = found["tip"].split("\n")
    assert tip[0] == f"{names[0]} · edited"
    assert {f"specificity {entries[0].specificity:.3f}", f"explained {entries[0].explained:.3f}"} < set(tip)
    assert tip[-1].split()[0].strip("·") == note.tokens[0].strip()
    assert found["left"] is False
    with_peru = {note.head for note in result.notes if " Peru" in note.tokens}
    assert (set(found["searched"][0]) <= with_peru, len(with_peru) > 5) == (True, True)
    assert found["searched"][1].startswith(f"{len(with_peru)} of 270 heads")
    assert set(found["out"]) == set(names) - with_peru
    assert found["layer"] == [name for name in names if name.startswith("L3H")]
    by_explained = sorted(entries, key=lambda entry: -entry.explained)
    assert found["explained"] == [str(entry.head) for entry in by_explained[:30]]
    assert found["weakest"] == [str(entry.head) for entry in by_explained[:-31:-1]]
    assert found["shares"] == [f"{100 * entries[0].explained / by_explained[0].explained:.1f}", "explained"]
    assert found["all"] == 270
    assert found["detail"][0] == names[0]
    assert note.tokens[-1].strip() in found["detail"][1]
    assert found["pressed"] == [names[0]]


def test_nothing_is_loaded_from_anywhere(plain):
    _, page = plain
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert {link for link in links if not link.startswith("#")} == {"https://arxiv.org/abs/2510.21518"}
    assert [attrs for _, attrs in page.tags if {"src", "srcset", "data", "poster", "action"} & set(attrs)] == []
    assert [attrs["href"] for tag, attrs in page.tags if tag == "link"] == ["data:,"]
    policy = next(attrs["content"] for tag, attrs in page.tags if tag == "meta" and "http-equiv" in attrs)
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy


def test_its_links_lead_to_sections_that_exist(plain):
    _, page = plain
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    anchors = {attrs["href"][1:] for tag, attrs in page.tags if tag == "a" and attrs["href"].startswith("#")}
    labels = {attrs["aria-labelledby"] for _, attrs in page.tags if "aria-labelledby" in attrs}
    assert anchors | labels <= set(ids)


def test_every_table_has_a_caption(plain):
    _, page = plain
    assert page.count("table") == page.count("caption") > 0


def test_what_a_model_wrote_is_text_and_nothing_else(plain):
    result, page = plain
    evil = replace(
        result,
        verdict=Verdict(Outcome.UNDECIDABLE, EVIL, (EVIL,)),
        command=EVIL,
        certificate=EVIL,
        flags={EVIL: EVIL},
        notes=tuple(replace(note, tokens=("</script>", EVIL, "<b>x</b>", "'\"")) for note in result.notes),
        examples=tuple(
            replace(e, prompt=e.prompt + EVIL, accepted=(EVIL,), answers=dict.fromkeys(e.answers, EVIL))
            for e in result.examples
        ),
        ranking=replace(result.ranking, tokens=(EVIL,), dropped_words=(EVIL,)),
    )
    found = page_of(evil)
    assert len(found.scripts) == len(page.scripts) == 2
    assert found.count("img") == 0
    assert EVIL in found.text
    assert "49" not in found.text.split("Certificate")[1].split("Configuration")[0]
    # The script makes text of what it reads, never elements.
    assert found.data["visible"][0][0] == "</script>" and "innerHTML" not in found.scripts[1]
    assert found.count("b") == page.count("b") == 0


def test_half_characters_and_hidden_marks_are_shown_as_what_they_are(plain):
    result, _ = plain
    odd = ("\ud83d", "\u202eright to left", "tab\there", "line\nbreak", "\x00", " two  spaces", "x" * 500, "\xa0", "")
    notes = tuple(replace(note, tokens=odd) for note in result.notes)
    text = page_of(replace(result, notes=notes)).text
    for shown in (
        "\\ud83d",
        "\\u202eright·to·left",
        "tab⇥here",
        "line↵break",
        "\\u0000",
        "·two··spaces",
        "\\u00a0",
        "(empty)",
    ):
        assert shown in text
    assert "x" * 31 + "…" in text and "x" * 32 not in text


def size_of(result):
    return len(answers.page_of(result).text().encode())


def test_a_page_stays_small_for_a_large_model():
    assert 1_000_000 < size_of(study_result(ranking((64,) * 80), n_controls=1)) < 3_500_000


def test_a_page_with_the_demos_questions_is_half_a_megabyte_at_most():
    result = study_result()
    examples = examples_for(result.arms, n_target=128, n_unrelated=183)
    assert size_of(replace(result, examples=examples)) < 500_000


def test_figures_that_are_not_numbers_are_no_error(plain):
    result, _ = plain
    worst = replace(result.ranking.entries[0], z=float("inf"), specificity=float("nan"))
    huge = replace(result.ranking.entries[1], z=1e38)
    broken = replace(result.arms[1], damage=replace(result.arms[1].damage, perplexity=float("inf")))
    changed = replace(
        result,
        ranking=replace(result.ranking, entries=(worst, huge, *result.ranking.entries[2:])),
        arms=(result.arms[0], broken, *result.arms[2:]),
    )
    page = page_of(changed)
    assert page.text.split("best first; · is a space.")[1].split("Damage")[0].count("> 999") == 1
    assert "not finite" in page.text
    assert page.data["columns"]["countries"]["z"][page.data["heads"].index(str(worst.head))] is None
    assert page.data["limits"]["countries"]["z"] < 100
    assert page.cell(worst.head)["style"] == "--share:0"


def test_a_study_without_controls_or_dropped_words(plain):
    result = study_result(n_controls=1)
    result = replace(
        result,
        arms=result.arms[:2],
        ranking=replace(result.ranking, dropped_words=()),
        verdict=Verdict(Outcome.NO_EFFECT, "Nothing happened.", ()),
    )
    text = page_of(result).text
    assert "draws of random heads" not in text
    assert "with random heads instead" not in text
    assert "No word of the concept was dropped." in text


@pytest.mark.parametrize("kind", ["base", "edit"])
def test_a_study_without_the_arms_to_compare_is_refused(kind, tmp_path):
    result = study_result(n_controls=1)
    folder = save(replace(result, arms=tuple(a for a in result.arms if a.kind != kind)), tmp_path / "study")
    with pytest.raises(ValueError, match=f"has no {kind} arm"):
        render(folder)
    assert not (folder / "report.html").exists()


def test_what_is_no_finished_study_is_refused_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        render(tmp_path / "nowhere")
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    write_json(unfinished / "config.json", asdict(study_result().config))
    with pytest.raises(ValueError, match="unfinished"):
        render(unfinished)
    with new_folder(tmp_path / "capture", "capture", {}):
        pass
    with pytest.raises(ValueError, match="is no study"):
        render(tmp_path / "capture")
    damaged = save(study_result(), tmp_path / "damaged")
    (damaged / "study.json").write_text("{}")
    with pytest.raises(ValueError, match="damaged"):
        render(damaged)


def test_examples_are_chosen_without_looking_at_the_edit(plain):
    result, _ = plain
    shown = examples.examples_of(result, "target")
    assert [e.prompt for e in examples.examples_of(other_answers(result), "target")] == [e.prompt for e in shown]
    assert sorted(e.prompt for e in shown) == sorted(e.prompt for e in result.examples if e.group == "target")
    right = [e.scores["base"] >= 0.5 for e in shown]
    assert right == sorted(right, reverse=True)
    first = [e.accepted for e in shown if e.scores["base"] >= 0.5]
    n_different = len(set(first))
    assert len(set(first[:n_different])) == n_different
    assert examples.columns(result) == ("base", "edit", "matched-1", "random-1")


def other_answers(result):
    changed = tuple(
        replace(
            e,
            answers={name: text if name == "base" else "same" for name, text in e.answers.items()},
            scores={name: score if name == "base" else 1 - score for name, score in e.scores.items()},
        )
        for e in reversed(result.examples)
    )
    return replace(result, examples=changed)


def test_flags_of_the_model_are_explained(plain):
    result, page = plain
    assert "keep in mind" not in page.text
    flagged = page_of(replace(result, flags={"post_norm": "a norm follows"}))
    assert "post_norm: a norm follows" in flagged.text
