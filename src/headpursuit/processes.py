"""Several processes that share work (`torchrun`, `accelerate launch`): each does its share, and all get the whole."""

import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_PATIENCE = timedelta(days=7)
"""The longest that a process waits for the others: the share of one may take hours."""


@dataclass(frozen=True)
class Processes:
    """This process among all of them."""

    rank: int = 0
    """Number of this process; the first one writes what all of them made."""
    index: int = 0
    """The share of the work that is its own."""
    count: int = 1
    """Number of shares."""
    group: Any = None

    @property
    def saves(self) -> bool:
        """True if this process keeps the state of its share; of processes with one share, the first one does."""
        return self.count > 1 or self.rank == 0

    def as_one(self) -> "Processes":
        """The same processes where they do all work together, as those that hold one model: there is one share."""
        return replace(self, index=0, count=1)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.group is not None:
            _distributed().barrier(self.group)

    def agreed(self, value: T) -> T:
        """A value of the first process, in all of them."""
        said = [value]
        if self.group is not None:
            _distributed().broadcast_object_list(said, src=0, group=self.group)
        return said[0]

    def first(self, make: Callable[[], T]) -> T:
        """The thing that the first process makes, or its error, in all of them.

        Raises:
            Exception: What the first process raised.
        """
        return _given(self.agreed(_tried(make) if self.rank == 0 else (None, None)))

    def gathered(self, value: T) -> list[T]:
        """The value that each share has, in all processes."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        _distributed().all_gather_object(values, value, self.group)
        return values

    def shared(self, items: Sequence[T], make: Callable[[Sequence[T]], R]) -> list[R]:
        """The results of each share of some items: share i has items i, i + count, i + 2 count, ...

        Raises:
            Exception: What any process raised, in all of them.
        """
        if self.count == 1:
            return [make(items)]
        own = items[self.index :: self.count]
        return [_given(made) for made in self.gathered(_tried(lambda: make(own)))]

    def dealt(self, items: Sequence[T], make: Callable[[T], R]) -> list[R]:
        """The result of each item, in their order; every process makes its share, and all get the whole.

        Raises:
            Exception: What any process raised, in all of them.
        """
        return interleaved(self.shared(items, lambda own: [make(item) for item in own]))


ONE = Processes()
"""One process, that shares nothing."""


def interleaved(shares: Sequence[Sequence[T]]) -> list[T]:
    """Items in their order, from the shares that `Processes.shared` made of them."""
    found: list[Any] = [None] * sum(map(len, shares))
    for index, share in enumerate(shares):
        found[index :: len(shares)] = share
    return found


def launched() -> Processes:
    """The processes that a launcher started together; one where none did."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return ONE
    group = _group()
    rank = _distributed().get_rank(group)
    return Processes(rank, rank, _distributed().get_world_size(group), group)


@cache
def _group() -> Any:
    """All processes; what they exchange lies in main memory, whatever they compute on."""
    if not _distributed().is_initialized():
        _distributed().init_process_group("gloo", timeout=_PATIENCE)
    return _distributed().new_group(backend="gloo", timeout=_PATIENCE)


def _distributed() -> Any:
    import torch.distributed as dist

    return dist


def _tried(make: Callable[[], T]) -> tuple[T | None, Exception | None]:
    """The thing made, or the error."""
    try:
        return make(), None
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 - what was just written
        except Exception:
            return None, RuntimeError(f"{type(error).__name__}: {error}")
        return None, error


def _given(tried: tuple[T | None, Exception | None]) -> T:
    made, error = tried
    if error is not None:
        raise error
    return made  # type: ignore[return-value]
