"""Packages whose names are imported when they are first used, so that nobody waits for torch who does not need it."""

import ast
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazily(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package, whose names are where its imports under `if TYPE_CHECKING` say.

    No module of the package may have the name of what it holds: it would be found in its place.
    """
    module = sys.modules[package]
    (checked,) = (part for part in ast.parse(inspect.getsource(module)).body if isinstance(part, ast.If))
    homes = {
        name.asname or name.name: part.module
        for part in checked.body
        if isinstance(part, ast.ImportFrom) and part.module
        for name in part.names
    }

    def __getattr__(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return __getattr__, lambda: sorted(homes)
