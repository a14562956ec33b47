"""Docstrings name the thing first, then the rule: none begins with a question word."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = [file for room in ("src", "tools", "benchmarks") for file in sorted((ROOT / room).rglob("*.py"))]
_ASKS = re.compile(r"(what|which|whether|how|who|whose|where|when|why)\b", re.IGNORECASE)


def _asking(tree: ast.AST) -> list[int]:
    """Lines of the docstrings that ask, those under fields and constants included."""
    statements = [one for node in ast.walk(tree) for one in ast.iter_child_nodes(node) if isinstance(one, ast.Expr)]
    texts = [(one.lineno, one.value.value) for one in statements if isinstance(one.value, ast.Constant)]
    return [line for line, text in texts if isinstance(text, str) and _ASKS.match(text.lstrip())]


def test_docstrings_that_ask_are_found() -> None:
    asking = 'class Cost:\n  """The cost."""\n  steps: int\n  """How many."""\n  def run(self):\n    """Why."""\n'
    assert _asking(ast.parse(asking)) == [4, 6]


def test_no_docstring_asks() -> None:
    assert len(FILES) > 300
    found = [f"{file.relative_to(ROOT)}:{n}" for file in FILES for n in _asking(ast.parse(file.read_text("utf-8")))]
    assert not found, f"begin with what is there, such as 'The measure of edits.': {found}"
