"""The explorer's page on smollm2-135m in a real browser: from Enter to the new map, and twenty visitors for a minute.

Each visitor is a tab of a headless Chromium with an edit of its own, and asks again as soon as the answer is there.
Every edited answer is compared with what `answer` says under that edit when nobody else asks. The page runs as users
run it, in a process of its own, whose memory is read from /proc (Linux).

Run: python benchmarks/visiting.py      (extra `browser`, and a Chromium)
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from common import report, smollm2
from playwright.async_api import Browser, Page, async_playwright

import headpursuit as hp
from headpursuit.concepts import builtin_concepts
from headpursuit.explore import default_capture
from headpursuit.explore.visitor_input import typed_concept
from headpursuit.models import answer, rescale

PORT = 7977
ADDRESS = f"http://127.0.0.1:{PORT}"
PROMPT = "The Eiffel Tower is located in the country of"
VISITORS, SECONDS, N_NEW = 20, 60.0, 8
PATIENCE = 600_000
"""Milliseconds."""

LISTS = ("months", "capitals", "colours", "numbers", "countries", "positive")
TYPED = (10, 25, 50, 100)
"""Words of lists that nobody asked for before."""

_WATCH = """() => {
  const map = document.querySelector("#hp-heatmap");
  window.shown = null;
  const box = document.querySelector("#hp-concept").querySelector("textarea, input");
  const press = (event) => { if (event.key === "Enter") window.pressed = performance.now(); };
  box.addEventListener("keydown", press, { capture: true });
  new MutationObserver(() => requestAnimationFrame(() => {
    const ranked = map.querySelector(".hp-map");
    if (ranked) window.shown = [ranked.dataset.ranked, performance.now() - window.pressed];
  })).observe(map, { childList: true, subtree: true });
}"""


def main() -> None:
    """Measure both."""
    with tempfile.TemporaryDirectory() as folder:
        expected = expected_answers(Path(folder))
        with served(Path(folder)) as server:
            report("visiting", asyncio.run(measured(server, expected)))


def expected_answers(folder: Path) -> dict[str, str]:
    """The address of each visitor's page and the answer that belongs there; the capture is left for the page."""
    model = smollm2()
    capture, _, _ = default_capture(model, folder)
    ranking = hp.rank(model, capture, hp.load_concept("countries"))
    found = {}
    for i in range(VISITORS):
        heads, scale = 1 + i % 4, -3 + i / 2
        with rescale(model, ranking.edit(heads=heads, scale=scale)):
            query = urlencode({"heads": heads, "scale": scale, "tokens": N_NEW})
            found[f"{ADDRESS}?{query}"] = answer(model, [PROMPT], max_new_tokens=N_NEW)[0].strip()
    return found


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """The page in a process of its own, whose number it gives."""
    command = [sys.executable, "-m", "headpursuit", "explore", "-o", str(folder), "--port", str(PORT)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            time.sleep(1)
            try:
                urllib.request.urlopen(ADDRESS, timeout=5).close()
                break
            except OSError:
                continue
        time.sleep(30)  # until the built-in lists are ranked, and nothing else goes on
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


async def measured(server: int, expected: dict[str, str]) -> dict[str, Any]:
    """Both measurements, in one browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        maps = await new_maps(browser)
        before = resident_mb(server)
        visits = await visitors(browser, expected)
        memory = {"server_mb_before": before, "server_mb_after": resident_mb(server)}
        await browser.close()
    return {"from Enter to the new map": maps, "visitors": visits | memory}


async def new_maps(browser: Browser) -> dict[str, Any]:
    """Seconds from the Enter key to the painted map: built-in lists, and lists that nobody asked for before."""
    page = await opened(browser, ADDRESS)
    await page.evaluate(_WATCH)
    words = [w for name in builtin_concepts() for w in hp.load_concept(name).words if "," not in w]
    rows: dict[str, Any] = {"built-in": {}, "typed": {}}
    for name in LISTS:
        rows["built-in"][name] = await from_enter(page, name)
    for number in TYPED:
        some = [words[start :: len(words) // number][:number] for start in range(3)]
        rows["typed"][f"{number} words"] = median([await from_enter(page, ", ".join(list_)) for list_ in some])
    await page.context.close()
    return rows


async def from_enter(page: Page, text: str) -> float:
    """Seconds until a concept's map is painted."""
    box = "#hp-concept textarea, #hp-concept input"
    await page.fill(box, text)
    await page.evaluate("window.shown = null")
    await page.press(box, "Enter")
    right = "name => window.shown && window.shown[0] === name && window.shown"
    shown = await page.wait_for_function(right, arg=typed_concept(text).name)
    return float((await shown.json_value())[1]) / 1000


async def visitors(browser: Browser, expected: dict[str, str]) -> dict[str, Any]:
    """All visitors at a time, for a minute."""
    pages = {address: await opened(browser, address) for address in expected}
    counts: Counter[str] = Counter()
    waits: list[float] = []
    places: set[str] = set()
    end = time.monotonic() + SECONDS
    await asyncio.gather(*(visit(page, expected[at], end, counts, waits, places) for at, page in pages.items()))
    return {
        "visitors": VISITORS,
        "seconds": SECONDS,
        **{kind: counts[kind] for kind in ("right", "wrong", "messages", "console errors")},
        "median wait_s": median(waits),
        "longest wait_s": max(waits),
        "visitors who saw their place in the queue": len(places),
    }


async def visit(
    page: Page, expected: str, end: float, counts: Counter[str], waits: list[float], places: set[str]
) -> None:
    """One visitor, who asks again and again."""
    page.on("console", lambda message: counts.update(["console errors"] if message.type == "error" else []))
    while time.monotonic() < end:
        began = time.monotonic()
        await page.evaluate("document.querySelector('#hp-answers .hp-answers')?.removeAttribute('data-state')")
        await page.click("#hp-ask")
        while await page.query_selector('#hp-answers .hp-answers[data-state="finished"]') is None:
            if "queue:" in (await page.inner_text("#hp-answers")):
                places.add(page.url)
            await asyncio.sleep(0.25)
        said = await page.inner_text('#hp-answers .hp-arm[data-arm="edit"] .hp-answer')
        counts["right" if said.strip() == expected else "wrong"] += 1
        counts["messages"] += await page.query_selector("#hp-message .hp-message") is not None
        waits.append(time.monotonic() - began)


async def opened(browser: Browser, address: str) -> Page:
    """A visitor's page, ready."""
    context = await browser.new_context()
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    await page.goto(address, timeout=PATIENCE)
    await page.wait_for_selector("#hp-heatmap .head")
    return page


def resident_mb(process: int) -> float:
    """Memory of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    main()
