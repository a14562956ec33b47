"""A folder of results is filled by one run at a time; of several processes that share the run, by the first."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from inspect import signature
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any, ParamSpec, TypeVar

from huggingface_hub.utils import WeakFileLock

from headpursuit.processes import Processes, launched
from headpursuit.records import to_record
from headpursuit.storage import versions

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
    """An experiment that has the folder of its argument `path` to itself while it runs.

    Several processes run the same experiment, share what takes time, and come to the same parts. The first one fills
    the folder. Each of the others fills one of its own, which begins as a copy and is thrown away.
    """

    @wraps(run)
    def locked(*args: P.args, **kwargs: P.kwargs) -> R:
        given = signature(run).bind(*args, **kwargs)
        with _place(Path(given.arguments["path"]), given.arguments.get("config")) as place:
            given.arguments["path"] = place
            return run(*given.args, **given.kwargs)

    return locked


@contextmanager
def _place(folder: Path, config: Any) -> Iterator[Path]:
    """The folder that this process fills."""
    processes = launched()
    with ExitStack() as stack:
        processes.first(lambda: stack.enter_context(alone_in(folder)))
        _check_alike(processes, folder, config)
        place = folder
        if processes.rank:
            place = Path(stack.enter_context(TemporaryDirectory(prefix=folder.name))) / folder.name
            if folder.exists():
                copytree(folder, place)
        processes.wait()
        yield place


def _check_alike(processes: Processes, folder: Path, config: Any) -> None:
    """Refuse processes that would not come to the same.

    Raises:
        ValueError: If one has other software or settings, or another disk.
    """
    alike = {"versions": versions(), "settings": to_record(config), "disk": folder.exists()}
    words = {"versions": "other versions of the software", "settings": "other settings", "disk": "another disk"}
    for number, other in enumerate(processes.gathered(alike)):
        differing = [words[name] for name, value in other.items() if value != alike[name]]
        if differing:
            raise ValueError(
                f"process {number} of {processes.count} has {' and '.join(differing)} than process {processes.rank}; "
                "give all processes the same"
            )
