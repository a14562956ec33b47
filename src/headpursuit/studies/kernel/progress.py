"""Progress: told by work that takes long."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called as work advances, with a stage, how many of its steps are done, and of how many."""


def silent(stage: str, done: int, total: int) -> None:  # noqa: ARG001
    """Tells nobody."""
