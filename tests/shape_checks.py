"""Shape and type checks of the test run, at half the price of jaxtyping's own.

jaxtyping's import hook decorates every function and dataclass of the package; its decorator binds the arguments of
each call and checks them twice, which took half of the suite's time. Here beartype checks each call once, and jaxtyping
joins where a signature names a shape, so that axes of one name have one length. Checks are made at the first call.
Functions within functions, which are made anew whenever those run, are checked where they name a shape.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any, get_args

import jaxtyping
from beartype import BeartypeConf, beartype

_beartype = beartype(conf=BeartypeConf(violation_type=jaxtyping.TypeCheckError))
_with_axes = functools.partial(jaxtyping.jaxtyped, typechecker=None)
_axes = jaxtyping.jaxtyped("context")
_config = jaxtyping.config
_names_shapes: dict[CodeType, bool] = {}


def install() -> None:
    """Put these checks where the import hook looks for jaxtyping's; before the package is imported."""
    jaxtyping.jaxtyped = checked


def checked(given: Any = None, *, typechecker: object) -> Any:
    """A function, or a dataclass's constructor, with its checks; everything else as it is given."""
    if given is None:
        return functools.partial(checked, typechecker=typechecker)
    if inspect.isclass(given):
        if dataclasses.is_dataclass(given) and "__init__" in vars(given):
            given.__init__ = checked(given.__init__, typechecker=typechecker)
        return given
    return _checked(given) if isinstance(given, FunctionType) else given


def _checked(function: FunctionType) -> Callable[..., Any]:
    if "<locals>" in function.__qualname__ and not _names_a_shape(function):
        return function
    typed: Callable[..., Any] | None = None

    @functools.wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        nonlocal typed
        if _config.jaxtyping_disable:
            return function(*args, **kwargs)
        if typed is None:  # most functions are not called in most runs
            typed = _typed(function)
        return typed(*args, **kwargs)

    return either


def _typed(function: FunctionType) -> Callable[..., Any]:
    with _hints_that_are_known(function):
        typed: Callable[..., Any] = _beartype(function)
    if not _names_a_shape(function):
        return typed
    if inspect.isgeneratorfunction(function):
        return _with_axes(typed)

    def with_axes(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with _axes:
            return typed(*args, **kwargs)

    return with_axes


@contextmanager
def _hints_that_are_known(function: FunctionType) -> Iterator[None]:
    """Names in quotation marks that mean nothing yet, or to type checkers alone, stand for anything meanwhile."""
    hints = function.__annotations__
    if any(isinstance(hint, str) for hint in hints.values()):
        function.__annotations__ = {name: _known(hint, function) for name, hint in hints.items()}
    try:
        yield
    finally:
        function.__annotations__ = hints


def _known(hint: Any, function: FunctionType) -> Any:
    try:
        return eval(hint, function.__globals__) if isinstance(hint, str) else hint
    except (NameError, AttributeError, TypeError):
        return Any


def _names_a_shape(function: FunctionType) -> bool:
    code = function.__code__
    if code not in _names_shapes:
        _names_shapes[code] = any(_holds_a_shape(_known(hint, function)) for hint in function.__annotations__.values())
    return _names_shapes[code]


def _holds_a_shape(hint: Any) -> bool:
    if isinstance(hint, list):
        return any(map(_holds_a_shape, hint))
    if inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(map(_holds_a_shape, get_args(hint)))
