"""Work that goes on in a thread of its own, tells what it has so far, and can be called off."""

import queue
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Cancelled(Exception):
    """Raised inside work that was called off, where it tells something next."""


class Job(Generic[T]):
    """Work under way: iterate for what it tells; its error, if it ends in one, is raised then."""

    def __init__(self, work: Callable[[Callable[[T], None]], None]) -> None:
        """Begin at once.

        Args:
            work: Is given a function to tell with, which raises `Cancelled` once nobody wants to hear more.
        """
        self._told: queue.SimpleQueue[tuple[T] | Exception | None] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[Callable[[T], None]], None]) -> None:
        try:
            work(self._tell)
        except Cancelled:
            self._told.put(None)
        except Exception as error:
            self._told.put(error)
        else:
            self._told.put(None)

    def _tell(self, something: T) -> None:
        if self._cancelled.is_set():
            raise Cancelled
        self._told.put((something,))

    def __iter__(self) -> Iterator[T]:
        try:
            while True:
                heard = self._told.get()
                if heard is None:
                    return
                if isinstance(heard, Exception):
                    raise heard
                yield heard[0]
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Ask the work to end; it does so where it tells something next."""
        self._cancelled.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the work's end, at most so many seconds; whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()


class Aside:
    """One thread that does what it is asked, one thing after another. The program's end waits for none of it."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=_do_all, args=(self._asked,), daemon=True).start()
        weakref.finalize(self, self._asked.put, None)

    def do(self, work: Callable[[], T]) -> T:
        """The result of the work, or its error, once everything asked before is done."""
        result: Future[T] = Future()
        self._asked.put((result, work))
        return result.result()


def _do_all(asked: "queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]") -> None:
    while (one := asked.get()) is not None:
        result, work = one
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)
        del one, result, work  # nothing of it stays while the next is waited for


class Jobs:
    """The work that each visitor has under way: one job of each kind, the newest."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, str], Job] = {}
        self._lock = threading.Lock()

    def begin(self, visitor: str, kind: str, job: Job[T]) -> Job[T]:
        """Note a visitor's job; an earlier one of the same kind is called off."""
        with self._lock:
            earlier = self._jobs.get((visitor, kind))
            self._jobs[visitor, kind] = job
        if earlier is not None:
            earlier.cancel()
        return job

    def end(self, timeout: float = 20.0) -> None:
        """Call everything off, and wait until it has cleaned up behind itself, at most so many seconds for each."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.cancel()
        for job in jobs:
            job.wait(timeout)

    def cancel(self, visitor: str, kind: str = "") -> None:
        """Call off a visitor's job of a kind, or all of them."""
        with self._lock:
            mine = [key for key in self._jobs if key[0] == visitor and kind in ("", key[1])]
            jobs = [self._jobs.pop(key) for key in mine]
        for job in jobs:
            job.cancel()
