"""What tests of the explorer share: a tiny model whose tokens are words, captured with samples."""

import shutil

import pytest
import tiny
from captured import PROMPTS
from served import NEUTRAL, served

from headpursuit.analysis import capture
from headpursuit.explore import Workbench, workbench


@pytest.fixture(scope="package")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbench, "neutral_texts", lambda: (NEUTRAL,))
        model = tiny.word_model()
        yield Workbench(model, capture(model, PROMPTS), PROMPTS)


@pytest.fixture(scope="package")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api")
    pytest.importorskip("gradio")
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.skip("there is no Chromium (Debian's package chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def address(bench, tmp_path_factory):
    pytest.importorskip("gradio")
    with served(bench, tmp_path_factory.mktemp("served")) as url:
        yield url
