"""The documentation site, built strict: it loads nothing from elsewhere, and the references are complete."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from cli_reference import cli_reference, contexts
from fences import ROOT

import headpursuit

LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "link": "href",
    "video": "src",
    "audio": "src",
}


class Loads(HTMLParser):
    """What a page loads when it is opened."""

    def __init__(self):
        super().__init__()
        self.addresses = []
        self.ids = set()
        self.diagrams = 0
        self.modules = 0

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        classes = (attrs.get("class") or "").split()
        self.diagrams += "mermaid" in classes
        self.modules += "doc-module" in classes
        if tag in LOADED and attrs.get("rel") != "canonical":
            self.addresses.append(attrs.get(LOADED[tag]) or "")


def read(page):
    loads = Loads()
    loads.feed(page.read_text(encoding="utf-8"))
    return loads


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.docs
def test_no_page_loads_anything_from_another_host(site):
    elsewhere = re.compile(r"(?:https?:)?//")
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        assert not [address for address in read(page).addresses if elsewhere.match(address)], page.name
        assert not read(page).diagrams, f"{page.name}: diagrams are drawn by a script from elsewhere"
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"""(?:url\(|@import\s*)["']?(?:https?:)?//""", text), sheet.name


@pytest.mark.docs
def test_every_public_name_is_documented_with_its_shapes(site):
    for file in (site / "api").glob("*.html"):
        assert not read(file).modules, (
            f"{file.name}: a module was taken for what it is named after; name it with its module"
        )
    page = read(site / "api" / "index.html")
    for name in headpursuit.__all__:
        home = f"{getattr(headpursuit, name).__module__}.{name}"
        assert page.ids & {f"headpursuit.{name}", home}, f"{name} is not documented; its module is {home}"
    text = re.sub(r"<[^>]*>", "", (site / "api" / "models.html").read_text(encoding="utf-8"))
    assert re.search(r"Float\[Tensor, (?:&#39;|'|\")n_heads d_head d_model", text)


@pytest.mark.docs
def test_the_search_finds_pages_and_options(site):
    found = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    assert any(entry["location"].startswith("verdict.html") and "over-intervened" in entry["text"] for entry in found)
    assert any(entry["location"].startswith("cli.html") and "--null" in entry["text"] for entry in found)


def test_the_reference_of_the_command_line_has_every_option_with_help_and_default():
    page = cli_reference()
    runnable = [context for context in contexts() if not hasattr(context.command, "commands")]
    assert len(runnable) > 20
    for context in runnable:
        section = page.split(f"## {context.command_path}\n")[1].split("\n## ")[0]
        for parameter in context.command.params:
            assert parameter.help, f"{context.command_path} does not explain {parameter.name}"
            assert parameter.help[:20] in section
            assert parameter.param_type_name == "argument" or f"{parameter.opts[0]}" in section
    assert "[default: 1000]" in page.split("## headpursuit capture\n")[1].split("\n## ")[0]
