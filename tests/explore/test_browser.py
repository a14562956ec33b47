"""The page as people use it: concepts, heads, answers, and what is copied; in a real headless Chromium."""

import re
import threading
from pathlib import Path

import pytest
from browsing import PATIENCE, PROMPT, WORDS, answered, colours, expected, tab, type_concept

from headpursuit.analysis import SavedEdit
from headpursuit.explore import Cancelled, answers, screen
from headpursuit.heads import Edit

pytestmark = pytest.mark.browser

EVIL = "<img src=x onerror=window.evil=1><script>window.evil=1</script>{{7*7}}${7*7}"


def test_a_typed_concept_changes_the_map(chromium, address):
    with tab(chromium, address) as page:
        before = colours(page)
        type_concept(page, "w99, w100, no-such-word")
        page.wait_for_selector('#hp-heatmap .hp-map[data-ranked="w99, w100, no-such-word"]')
        assert colours(page) != before
        assert "no-such-word" in page.inner_text("#hp-audit .hp-dropped")
        page.click("#hp-score label:has-text('explained')")
        page.wait_for_selector('#hp-heatmap .hp-map[data-score="explained"]')


def test_a_concept_typed_while_another_is_ranked_is_not_forgotten(chromium, address, bench):
    with tab(chromium, address) as page:
        released = threading.Event()
        threading.Thread(target=bench._reader.do, args=(released.wait,)).start()
        try:
            type_concept(page, "w210, w211")
            page.wait_for_timeout(300)  # until the first is asked for; were it not, the second would be the first
            type_concept(page, "w212, w213")
            page.wait_for_timeout(300)
        finally:
            released.set()
        page.wait_for_selector('#hp-heatmap .hp-map[data-ranked="w212, w213"]')


def test_a_built_in_list_is_chosen(chromium, address):
    with tab(chromium, address) as page:
        page.click("#hp-lists button:has-text('months')")
        page.wait_for_function(
            "document.querySelector('#hp-concept').querySelector('input, textarea').value == 'months'"
        )
        page.wait_for_selector("#hp-message .hp-message")  # the tiny model's vocabulary has no month


def test_a_clicked_head_shows_its_tokens_and_a_reload_keeps_everything(chromium, address):
    with tab(chromium, address, scale=2.5, score="explained", random=0) as page:
        page.click('#hp-heatmap .head[data-head="L1H2"]')
        page.wait_for_selector('#hp-detail .hp-head[data-head="L1H2"] .hp-atoms li')
        page.wait_for_function("window.location.search.includes('head=L1H2')")
        tokens = page.inner_text("#hp-detail .hp-atoms")
        page.reload()
        page.wait_for_selector('#hp-detail .hp-head[data-head="L1H2"]')
        assert page.inner_text("#hp-detail .hp-atoms") == tokens
        assert page.get_attribute("#hp-heatmap .hp-map", "data-ranked") == WORDS
        assert page.get_attribute("#hp-heatmap .hp-map", "data-score") == "explained"
        assert page.input_value("#hp-prompt textarea") == PROMPT
        assert page.input_value("#hp-scale input[type=number]") == "2.5"
        assert not page.is_checked("#hp-random input")


def test_two_tabs_with_different_edits_get_their_own_answers(chromium, address, bench):
    edits = {"L0H0 L1H1": 8, "L2H2 L2H3": -3}
    first, second = ({"picked": heads, "scale": scale} for heads, scale in edits.items())
    with tab(chromium, address, **first) as one, tab(chromium, address, **second) as other:
        for page in (one, other):
            page.click("#hp-ask")
        found = [answered(page) for page in (one, other)]
    assert found == [expected(bench, Edit(dict.fromkeys(heads.split(), scale))) for heads, scale in edits.items()]
    assert found[0] != expected(bench, Edit({}))


def test_scope_and_random_heads_are_as_chosen(chromium, address, bench):
    with tab(chromium, address, picked="L0H0 L1H1", scale=8) as page:
        page.click("#hp-scope input")
        page.click("[role=option]:has-text('generated')")
        page.wait_for_function("window.location.search.includes('scope=generated')")
        page.click("#hp-ask")
        assert answered(page) == expected(bench, Edit({"L0H0": 8, "L1H1": 8}, "generated"))
        assert answered(page, "random")
        page.uncheck("#hp-random input")
        page.click("#hp-ask")
        page.wait_for_selector('#hp-answers .hp-arm[data-arm="random"]', state="detached")
        assert answered(page, "base") == expected(bench, Edit({}))


def test_a_bad_concept_is_told_and_the_map_stays(chromium, address):
    with tab(chromium, address) as page:
        before = colours(page)
        type_concept(page, "no-such-word")
        page.wait_for_selector("#hp-message .hp-message")
        assert "no token" in page.inner_text("#hp-message")
        assert colours(page) == before
        type_concept(page, "w99")
        page.wait_for_selector("#hp-message .hp-message", state="detached")


def test_script_tags_are_shown_as_text(chromium, address):
    with tab(chromium, address, prompt=f"w5 {EVIL}") as page:
        type_concept(page, f"w20,{EVIL}")
        page.wait_for_function("document.querySelector('#hp-audit').innerText.includes('onerror')")
        assert "{{7*7}}${7*7}" in page.inner_text("#hp-audit")
        page.click("#hp-ask")
        assert answered(page)
        for field in ("head", "picked"):
            page.fill(f"#hp-{field} textarea, #hp-{field} input", f"L0H0{EVIL}")
            page.press(f"#hp-{field} textarea, #hp-{field} input", "Enter")
            page.wait_for_selector("#hp-message :text('onerror')")
        assert page.evaluate("window.evil") is None


def test_very_long_text_is_refused(chromium, address):
    with tab(chromium, address) as page:
        page.fill("#hp-prompt textarea", "w5 " * 100_000)
        page.click("#hp-ask")
        page.wait_for_selector("#hp-answers :text('the prompt has 300,000 characters; at most 4,000')")


def test_everything_can_be_done_with_the_keyboard(chromium, address):
    with tab(chromium, address) as page:
        page.focus("#hp-concept textarea, #hp-concept input")
        page.keyboard.press("Control+A")
        page.keyboard.type("w99, w100")
        page.keyboard.press("Enter")
        page.wait_for_selector('#hp-heatmap .hp-map[data-ranked="w99, w100"]')
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('.head')"):
                break
        first = page.evaluate("document.activeElement.dataset.head")
        page.keyboard.press("ArrowRight" if not first.endswith("3") else "ArrowLeft")
        second = page.evaluate("document.activeElement.dataset.head")
        assert re.fullmatch(r"L\dH\d", second)
        assert second != first
        page.keyboard.press("Enter")
        page.wait_for_selector(f'#hp-detail .hp-head[data-head="{second}"]')
        for _ in range(60):
            if page.evaluate("document.activeElement.id === 'hp-ask'"):
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert answered(page)


def test_arrow_keys_on_the_slider_answer_once(chromium, address, bench, monkeypatch):
    asked, ask = [], screen.ask
    monkeypatch.setattr(screen, "ask", lambda *args: asked.append(args) or ask(*args))
    with tab(chromium, address, picked="L0H0 L1H1", scale=-1) as page:
        page.focus("#hp-scale input[type=range]")
        for _ in range(6):
            page.keyboard.press("ArrowRight")
        assert answered(page) == expected(bench, Edit({"L0H0": 0.5, "L1H1": 0.5}))
        assert len(asked) == 1


def test_the_edit_that_is_downloaded_can_be_loaded(chromium, address, bench):
    with tab(chromium, address, picked="L0H0 L1H1", scale=8) as page:
        with page.expect_download() as download:
            page.click("#hp-export .hp-download")
        assert download.value.suggested_filename == "edit.json"
        saved = SavedEdit.load(Path(download.value.path()))
        assert saved.edit == Edit({"L0H0": 8, "L1H1": 8})
        saved.check(bench.model)
        assert "headpursuit export tiny-llama --edit edit.json" in page.inner_text("#hp-export")


def test_the_same_in_a_shell_and_in_python_is_copied(chromium, address):
    with tab(chromium, address, scale=2) as page:
        page.click("text=The same on the command line")
        for name, expected_text in (("commands", "edit ranking --heads 3 --scale 2"), ("python", "scale=2,")):
            page.click(f"#hp-{name} button[aria-label=Copy]")
            page.wait_for_function(
                "text => navigator.clipboard.readText().then(copied => copied.includes(text))", arg=expected_text
            )
            assert page.evaluate("navigator.clipboard.readText()") == page.input_value(f"#hp-{name} textarea")


def test_stop_stops_an_answer_and_frees_the_model(chromium, address, monkeypatch):
    go_on, called_off = threading.Event(), threading.Event()

    def slow(model, prompt, tell, **settings):
        tell("w5 w6")
        assert go_on.wait(PATIENCE / 1000)
        try:
            tell("w5 w6 w7")
        except Cancelled:
            called_off.set()
            raise
        return "w5 w6 w7"

    with tab(chromium, address) as page:
        with monkeypatch.context() as patch:
            patch.setattr(answers, "stream_answer", slow)
            page.click("#hp-ask")
            page.wait_for_selector("#hp-answers .hp-arm[data-arm=edit] :text('w5 w6')")
            assert not page.is_visible("#hp-answers .hp-stopped")
            with page.expect_response("**/reset"):  # the last of what Stop does
                with page.expect_response("**/run/predict*"):
                    page.click("#hp-stop")
                go_on.set()
            assert called_off.wait(PATIENCE / 1000)
            page.wait_for_selector("#hp-answers .hp-stopped", state="visible")
        page.click("#hp-ask")
        assert answered(page)


def test_who_waits_sees_a_place_in_the_queue_and_can_leave_it(chromium, address, bench):
    with tab(chromium, address) as one, tab(chromium, address) as two, tab(chromium, address) as three:
        with bench.turn():
            one.click("#hp-ask")
            one.wait_for_selector("#hp-answers :text('another visitor has the model')")
            two.click("#hp-ask")
            two.wait_for_selector("#hp-answers :text('queue: 1/1')")
            three.click("#hp-ask")
            three.wait_for_selector("#hp-answers :text('queue: 2/2')")
            two.click("#hp-stop")
            two.wait_for_selector("#hp-answers :text('queue')", state="hidden")
        assert answered(one)
        assert answered(three)
        assert two.query_selector("#hp-answers .hp-arm") is None
