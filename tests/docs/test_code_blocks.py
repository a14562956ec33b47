"""Every code block of README and docs runs, or says why not; every command line in them exists.

`pytest -m docs tests/docs` runs the blocks (minutes); what needs no model is part of the ordinary tests.
"""

import ast
import contextlib
import doctest
import importlib
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from command_lines import commands_in, complaint
from fences import PAGES, ROOT, Fence, fences, indented, mentions

import headpursuit

THREADS = torch.get_num_threads()
SETTINGS = {"COLUMNS": "100", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
by_page = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])


@by_page
def test_every_block_is_fenced_names_its_language_and_says_why_it_does_not_run(page):
    assert not indented(page), "indented code blocks at these lines; fence them"
    assert not [f"{fence.place}: {fence.complaint()}" for fence in fences(page) if fence.complaint()]


@by_page
def test_every_command_line_names_a_command_and_options_that_exist(page):
    scripts = [fence for fence in fences(page) if fence.language == "sh"]
    wrong = [f"{f.place}: {what}" for f in scripts for words in commands_in(f.text) if (what := complaint(words))]
    named = [(line, words) for line, text in mentions(page) for words in commands_in(text) if words[0] != "COMMAND"]
    assert not wrong + [f"{page.name}:{line}: {what}" for line, words in named if (what := complaint(words, False))]


@by_page
def test_python_blocks_use_names_that_exist(page):
    for fence in (fence for fence in fences(page) if fence.language == "python"):
        nodes = list(ast.walk(ast.parse(fence.text)))
        attributes = [n for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)]
        assert not {n.attr for n in attributes if n.value.id == "hp"} - set(headpursuit.__all__), fence.place
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module.startswith("headpursuit"):
                module = importlib.import_module(node.module)
                assert not [alias.name for alias in node.names if not hasattr(module, alias.name)], fence.place


@pytest.mark.docs
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(fence.runs for fence in fences(page))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_the_blocks_of_a_page_run_in_order(page, tmp_path, monkeypatch, as_users_run_it):
    run_page(page, tmp_path, monkeypatch)


def run_page(page: Path, folder: Path, monkeypatch) -> None:
    """Run a page's blocks in `folder`, and compare what they print with the output that the page shows."""
    torch.set_num_threads(THREADS)
    monkeypatch.chdir(folder)
    for name, value in (SETTINGS | _command_on_path(folder)).items():
        monkeypatch.setenv(name, value)
    shutil.copytree(ROOT / "studies", folder / "studies")
    names: dict = {"__name__": "__main__"}
    printed, ran = "", False
    for fence in fences(page):
        if fence.runs:
            printed = _run_python(fence, names) if fence.language == "python" else _run_sh(fence)
        elif fence.is_output and ran:
            same = doctest.OutputChecker().check_output(_trimmed(fence.text), _trimmed(printed), doctest.ELLIPSIS)
            assert same, f"{fence.place} shows\n{fence.text}\nbut the block above printed\n{printed}"
        elif fence.title and not fence.complaint() and fence.language not in ("python", "sh"):
            Path(fence.title).write_text(fence.text, encoding="utf-8")
        ran = fence.runs


def _run_python(fence: Fence, names: dict) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile("\n" * (fence.line - 1) + fence.text, fence.page, "exec"), names)
    return out.getvalue()


def _run_sh(fence: Fence) -> str:
    done = subprocess.run(["bash", "-e", "-c", fence.text], capture_output=True, text=True)
    assert done.returncode == 0, f"{fence.place} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _command_on_path(folder: Path) -> dict[str, str]:
    """The command `headpursuit` of this checkout and this Python, whatever else is installed."""
    command = folder / ".bin" / "headpursuit"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m headpursuit "$@"\n')
    command.chmod(0o755)
    (command.parent / "python").symlink_to(sys.executable)
    paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PATH": f"{command.parent}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(paths)}


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"
