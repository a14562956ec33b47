"""Take the README's picture of the explorer: the embedded model, countries, two heads at scale -1.

    python tools/explore_screenshot.py docs/images/explore.png

Needs the extras `explore` and `browser`, and a Chromium.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import headpursuit as hp
from headpursuit.explore import Workbench, default_capture
from headpursuit.explore.serving import serve

_PATIENCE = 600_000
"""Milliseconds."""


def main(picture: Path) -> None:
    """Serve the page, ask, wait for the answers, and take the picture."""
    model = hp.load("smollm2-135m")
    with tempfile.TemporaryDirectory() as folder:
        capture, prompts, place = default_capture(model, Path(folder))
        blocks = serve(Workbench(model, capture, prompts), place, Path(folder), origin="which come with the package")
        try:
            _photograph(blocks.local_url, picture)
        finally:
            blocks.close(verbose=False)
    print(f"written: {picture}")


def _photograph(address: str, picture: Path) -> None:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1500}, color_scheme="light")
        page.set_default_timeout(_PATIENCE)
        page.goto(f"{address}?heads=2&scale=-1", timeout=_PATIENCE)
        page.wait_for_selector("#hp-ranking .hp-link")
        page.click("#hp-ranking .hp-link")
        page.wait_for_selector("#hp-detail .hp-atoms li")
        page.click("#hp-ask")
        page.wait_for_selector('#hp-answers .hp-answers[data-state="finished"]')
        page.screenshot(path=str(picture), full_page=True)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/explore.png"))
