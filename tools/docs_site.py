"""Pages of the documentation site made from the rest of the project; mkdocs calls these hooks (see mkdocs.yml).

Pages made at build time: the command line's reference, the changelog, and the card of the demo model. Links to files
outside of `docs/`, which work in a checkout, lead to these pages; a link to any other file outside is a mistake that a
strict build reports.
"""

import re
from pathlib import Path
from typing import Any

from cli_reference import cli_reference
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
PAGES_OF_FILES = {
    "CHANGELOG.md": "changelog.md",
    "src/headpursuit/models/demo_vlm/MODEL_CARD.md": "demo-model.md",
}
_LINK_OUTSIDE = re.compile(r"\]\((?:\.\./)+([^)#]+)(#[^)]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made from the program or lie outside of `docs/`."""
    files.append(File.generated(config, "cli.md", content=cli_reference()))
    for source, page in PAGES_OF_FILES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links to files outside of `docs/` lead to their pages."""
    up = "../" * page.file.src_uri.count("/")

    def inside(link: re.Match[str]) -> str:
        target = PAGES_OF_FILES.get(link[1])
        return f"]({up}{target}{link[2] or ''})" if target else link[0]

    return _LINK_OUTSIDE.sub(inside, markdown)
