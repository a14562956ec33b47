"""Things found by name: those that come with this package, those registered in Python, those of installed packages."""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from headpursuit.user_errors import Note, user_errors

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Register(Mapping[str, T], Generic[T]):
    """Things of one kind by their names, in the order in which they came; ours first.

    Installed packages bring theirs by an entry point of the group. They are imported when names are listed, or one is
    asked for that is not known yet. A package that cannot be used is told of in a note, and is passed over.
    """

    def __init__(self, what: str, kind: type[T], own: Iterable[T]) -> None:
        self._what, self._kind = what, kind
        self._home = f"headpursuit.{what}s"
        self._known: dict[str, T] = {}
        self._looked = False
        for thing in own:
            self.add(thing)

    def add(self, thing: T) -> T:
        """Register a thing, and return it; what is there already is no error.

        Raises:
            TypeError: If it is of another kind.
            ValueError: If its name is no name, or another thing has it.
        """
        if not isinstance(thing, self._kind):
            raise TypeError(f"a {self._what} is a {self._kind.__name__}, but a {type(thing).__name__} was given")
        name = getattr(thing, "name", None)
        if not isinstance(name, str) or not name or set(name) & set(", \n\t"):
            raise ValueError(f"a {self._what} cannot be called {name!r}; give a name without spaces and commas")
        if self._known.setdefault(name, thing) is not thing:
            raise ValueError(f"there is a {self._what} {name!r} already; give yours another name")
        return thing

    def find(self, name: str) -> T:
        """A thing by name.

        Raises:
            ValueError: If there is none of this name; the text names those there are.
        """
        if name not in self:
            close = get_close_matches(name, list(self), 1)
            meant = f"did you mean {close[0]}?" if close else f"there is {', '.join(self)}"
            raise ValueError(f"there is no {self._what} {name!r}; {meant}")
        return self[name]

    def __getitem__(self, name: str) -> T:
        return self._known[name] if name in self._known else self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, T]:
        if not self._looked:
            self._looked = True
            for point in sorted(entry_points(group=self._home), key=lambda point: (_package(point), point.name)):
                self._load(point)
        return self._known

    def _load(self, point: EntryPoint) -> None:
        try:
            self.add(point.load())
        except Exception as error:  # whatever another package's code raises
            reason = " ".join(f"{error}".split()) or type(error).__name__
            warnings.warn(
                f"the {self._what} {point.name!r} of the package {_package(point)} cannot be used: {reason}",
                Note,
                stacklevel=2,
            )


def decorator(what: str, add: Callable[[F], T]) -> Callable[[F], T]:
    """A decorator that registers a function, and refuses what is none."""

    def register(function: F) -> T:
        if not callable(function):
            raise TypeError(f"a {what} is made of a function, but a {type(function).__name__} was given")
        return add(function)

    return register


@contextmanager
def named(what: str) -> Iterator[None]:
    """Name what other people's code was called as, where that fails in a way of its own.

    Raises:
        ValueError: With what it raised as the cause. What says itself what a user can mend stays as it is.
    """
    try:
        yield
    except Exception as error:  # whatever another package's code raises
        if isinstance(error, user_errors()):
            raise
        raise ValueError(f"{what} failed: {type(error).__name__}: {error}") from error


def number(value: Any) -> float:
    """A score as a number; what is none is undefined."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _package(point: EntryPoint) -> str:
    distribution: Any = point.dist
    return distribution.name if distribution is not None else point.value
