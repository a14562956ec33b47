"""Things that hold tensors are compared by identity: their values have no one answer to `==`."""

import dataclasses
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args

import torch

import headpursuit
from headpursuit.pursuit import Moments

NEEDS_EXTRAS = ("headpursuit.explore.",)


def dataclasses_of_the_package() -> Iterator[type]:
    for found in pkgutil.walk_packages(headpursuit.__path__, "headpursuit."):
        if not found.name.startswith(NEEDS_EXTRAS):
            module = import_module(found.name)
            for value in vars(module).values():
                if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == found.name:
                    yield value


def holds_tensors(kind: Any) -> bool:
    """Whether a type is a tensor, of whatever shape, or made of some."""
    if isinstance(kind, type) and issubclass(kind, torch.Tensor):
        return True
    if hasattr(kind, "array_type"):  # jaxtyping's
        return True
    return any(map(holds_tensors, get_args(kind)))


def test_whatever_holds_tensors_is_itself_alone():
    kinds, holding = list(dataclasses_of_the_package()), set[type]()
    while True:  # what holds what holds tensors holds tensors
        more = {
            kind
            for kind in kinds
            for field in dataclasses.fields(kind)
            if kind not in holding
            and (
                holds_tensors(field.type)
                or any(part in holding for part in parts(field.type) if isinstance(part, type))
            )
        }
        if not more:
            break
        holding |= more
    names = {kind.__name__ for kind in holding}
    assert {"Capture", "Moments", "Samples", "Atlas", "Pursuit", "Scores", "Unembedding", "Evidence"} <= names
    assert sorted(f"{kind.__module__}.{kind.__name__}" for kind in holding if kind.__eq__ is not object.__eq__) == []


def parts(kind: Any) -> Iterator[Any]:
    yield kind
    for inner in get_args(kind):
        yield from parts(inner)


def test_two_of_the_same_values_are_two_and_can_be_keys():
    one, other = (Moments(torch.zeros(2, 3, 3), torch.zeros(2, 3), 4) for _ in range(2))
    assert one != other
    assert len({one, other, one}) == 2
