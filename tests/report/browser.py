"""What a visitor with a real browser would see on a page of heads."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

_HERE = Path(__file__).parent


def driven(page, visit, tmp_path, width=1280):
    """What a script notes in `found` while it does on the page what a visitor would."""
    script = (_HERE / "visitor.js").read_text().replace("VISIT", (_HERE / visit).read_text())
    file = tmp_path / "driven.html"
    file.write_text(page.read_text().replace("</body>", f"<script>{script}</script></body>"))
    own = f"--user-data-dir={tmp_path}/profile"  # with a shared one, a second browser hands over to the first and ends
    quiet = ("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--window-size={width},900",
        own,
        *quiet,
        "--dump-dom",
        f"file://{file}",
    ]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=900, check=True).stdout
    found = json.loads(html.unescape(re.search(r'data-found="([^"]*)"', shown).group(1)))
    assert "error" not in found, found["error"]
    return found
