"""How long work tells how far it is."""

from typing import Protocol


class Progress(Protocol):
    """Called as work advances."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` steps of a stage are finished."""


def silent(stage: str, done: int, total: int) -> None:
    """Tells nobody."""
