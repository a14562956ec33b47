"""The page in front of the embedded model: what a visitor reads there."""

import re

import pytest
from browsing import answered, tab
from served import served

import headpursuit as hp
from headpursuit.explore import Workbench, default_capture

pytestmark = pytest.mark.browser

PROMPT = "The Eiffel Tower is located in the country of"


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embedded")
    model = hp.load("smollm2-135m")
    captured, prompts, _ = default_capture(model, folder)
    with served(Workbench(model, captured, prompts), folder) as url:
        yield url


def test_the_edited_answer_names_no_country(chromium, embedded):
    countries = re.compile("|".join(map(re.escape, hp.load_concept("countries").words)), re.IGNORECASE)
    with tab(chromium, embedded, concept="countries", prompt=PROMPT, heads=2, scale=-3, tokens=12) as page:
        page.click("#hp-ask")
        edited, base = answered(page), answered(page, "base")
        assert "France" in base
        assert page.text_content("#hp-answers .hp-arm[data-arm=base] mark") == "France"
        assert edited
        assert not countries.search(edited)
        assert page.query_selector("#hp-answers .hp-arm[data-arm=edit] mark") is None
