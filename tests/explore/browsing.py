"""A visitor's page in a headless Chromium, and what tests do on it."""

import os
from contextlib import contextmanager
from urllib.parse import urlencode, urlparse

import tiny

from headpursuit.models import answer, rescale

PATIENCE = 1000 * float(os.environ.get("HEADPURSUIT_BROWSER_SECONDS", 60))
"""Milliseconds to wait for the page."""

PROMPT = tiny.text_of(range(5, 11))
WORDS = "w20, w61, w133"


@contextmanager
def tab(chromium, address, **changes):
    """A visitor's page, ready; afterwards: no error on the console, no request beyond this machine."""
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    problems, hosts = [], set()
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: hosts.add(urlparse(request.url).hostname))
    query = urlencode({"concept": WORDS, "prompt": PROMPT, "tokens": 6, **changes})
    page.goto(f"{address}?{query}", timeout=PATIENCE)
    page.wait_for_selector("#hp-heatmap .head")
    yield page
    context.close()
    assert problems == []
    assert hosts - {None} == {"127.0.0.1"}


def type_concept(page, text):
    page.fill("#hp-concept textarea, #hp-concept input", text)
    page.press("#hp-concept textarea, #hp-concept input", "Enter")


def colours(page):
    return page.eval_on_selector_all("#hp-heatmap .head", "cells => cells.map(c => getComputedStyle(c).fill)")


def answered(page, arm="edit"):
    """An answer, once everything is there."""
    page.wait_for_selector('#hp-answers .hp-answers[data-state="finished"]')
    return page.text_content(f'#hp-answers .hp-arm[data-arm="{arm}"] .hp-answer').strip()


def expected(bench, edit, prompt=PROMPT, **settings):
    """What the model says without any page."""
    with bench.turn() as model, rescale(model, edit):
        return answer(model, [prompt], max_new_tokens=6, **settings)[0].strip()
