"""A folder of results is filled by one run at a time."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import ParamSpec, TypeVar

from huggingface_hub.utils import WeakFileLock

P = ParamSpec("P")
R = TypeVar("R")

_PATIENCE = 0.2
"""Seconds that a lock is tried for."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Lock the place of a folder, which need not be there yet, against other runs; a run that dies leaves none locked.

    Raises:
        FileExistsError: If another run has locked it.
    """
    lock = folder.parent / f".{folder.name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(WeakFileLock(lock, timeout=_PATIENCE))
        except TimeoutError:
            raise FileExistsError(
                f"{folder} is being filled by another run; wait until it ends, or choose another output"
            ) from None
        stack.callback(_take_away, lock)
        yield


def _take_away(lock: Path) -> None:
    """Windows keeps a file that is locked, and filelock takes it away there after the release."""
    with suppress(OSError):
        lock.unlink()


def alone(run: Callable[P, R]) -> Callable[P, R]:
    """An experiment that has the folder of its argument `path` to itself while it runs."""

    @wraps(run)
    def locked(*args: P.args, **kwargs: P.kwargs) -> R:
        folder = Path(signature(run).bind(*args, **kwargs).arguments["path"])
        with alone_in(folder):
            return run(*args, **kwargs)

    return locked
