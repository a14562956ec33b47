"""An experiment as everything else sees it: by its name, what it needs, how it runs, and what it shows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from headpursuit.studies.kernel.folder import ResultKind

R = TypeVar("R")


@dataclass(frozen=True)
class Table:
    """A table of what was found; columns whose name starts with `>` are right-aligned."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Line:
    """A line of what was found."""

    text: str
    strong: bool = False
    """It says the most."""


Shown: TypeAlias = Table | Line


@dataclass(frozen=True)
class WantedModel:
    """The model that an experiment runs on, as `load` takes it."""

    name: str
    revision: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    anatomy: str = ""
    advice: str = ""
    """The remedy if it cannot be found."""


def nothing(config: Any) -> dict[str, Any]:  # noqa: ARG001
    """Prepares nothing."""
    return {}


def named_model(config: Any, prepared: Mapping[str, Any]) -> WantedModel:  # noqa: ARG001
    """The model that the settings name."""
    return WantedModel(config.model, config.revision, config.device, config.dtype, config.anatomy)


@dataclass(frozen=True)
class Experiment(Generic[R]):
    """One kind of experiment."""

    name: str
    """The command that runs it."""
    kind: ResultKind[R]
    """Its settings, its result, and their folder."""
    run: Callable[..., R]
    """Called with the model (None if it needs none), the settings and the folder, and by name with what was prepared,
    `resume` and `progress`."""
    shown: Callable[[R], Iterable[Shown]]
    """A result as a terminal shows it."""
    command: Callable[[Any, Path], str]
    """The command that runs it again, by its settings and its folder."""
    prepare: Callable[[Any], dict[str, Any]] = nothing
    """Everything that is had, or refused, before a model is loaded: made of the settings, handed to `run` by name."""
    model: Callable[[Any, Mapping[str, Any]], WantedModel | None] = named_model
    """The model it runs on, by the settings and what was prepared; None if it needs none."""
