"""The code blocks of the documentation, and the rule they follow.

A block is fenced and names its language. `python` and `sh` blocks of a page run in order in one folder, unless their
title gives one of the reasons below. Other blocks are data: a title is the name of the file that they become in that
folder. A `text` block without a title directly behind a block that runs is what it prints.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FORM = "a form: replace the capital words"
REASONS = re.compile(
    r"needs a GPU|needs several GPUs|needs the hub|needs the extra [a-z-]+|(?:installs|fetches) packages"
    rf"|runs until stopped|takes \d+ minutes?|{FORM}"
)
RUNS = ("python", "sh")
DATA = ("text", "json", "jsonl", "yaml", "csv")
_INFO = re.compile(r'(\w*)(?: title="([^"]+)")?')
_FILE = re.compile(r"\w[\w-]*\.\w+")


@dataclass(frozen=True)
class Fence:
    """A fenced block of a page."""

    page: Path
    line: int
    """Of its first line of code, from 1."""
    info: str
    """What stands behind the backticks."""
    text: str
    follows: bool
    """Whether it stands directly behind another fence."""

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page.name}:{self.line}"

    @property
    def language(self) -> str:
        return self.info.split(" ")[0]

    @property
    def title(self) -> str:
        found = _INFO.fullmatch(self.info)
        return (found[2] or "") if found else ""

    @property
    def runs(self) -> bool:
        return self.language in RUNS and not self.title

    @property
    def is_output(self) -> bool:
        return self.follows and self.language == "text" and not self.title

    def complaint(self) -> str:
        """How it breaks the rule; empty if it does not."""
        if not _INFO.fullmatch(self.info) or self.language not in RUNS + DATA:
            return f"{self.info!r} is neither a language of {RUNS + DATA} nor one with a title"
        if self.language in RUNS and self.title and not REASONS.fullmatch(self.title):
            return f"{self.title!r} is none of the reasons not to run"
        if self.language in DATA and self.title and not _FILE.fullmatch(self.title):
            return f"{self.title!r} is no name of a file"
        return ""


def fences(page: Path) -> list[Fence]:
    """The fenced blocks of a page, in order."""
    return [
        Fence(page, token.map[0] + 2, token.info.strip(), token.content, before is not None and before.type == "fence")
        for before, token in _pairs(page)
        if token.type == "fence"
    ]


def indented(page: Path) -> list[int]:
    """The lines at which indented code blocks begin, from 1."""
    return [token.map[0] + 1 for _, token in _pairs(page) if token.type == "code_block"]


def mentions(page: Path) -> list[tuple[int, str]]:
    """Commands named in the running text: line of the paragraph, and what stands between the backticks."""
    inline = [token for _, token in _pairs(page) if token.type == "inline"]
    return [
        (token.map[0] + 1, child.content)
        for token in inline
        for child in token.children
        if child.type == "code_inline" and child.content.startswith("headpursuit ")
    ]


def _pairs(page: Path):
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    return list(zip([None, *tokens], tokens, strict=False))
