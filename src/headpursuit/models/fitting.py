"""Batches as large as memory holds: found by trying."""

import warnings
from collections.abc import Callable
from typing import TypeVar

from accelerate.utils import find_executable_batch_size

from headpursuit.user_errors import Note

T = TypeVar("T")


def fitting(run: Callable[[int], T], rows: int) -> tuple[T, int]:
    """Run something with so many rows in a batch, and with half as many where memory runs out, down to one.

    Args:
        run: Called with the rows; may be called again.
        rows: How many are tried first.

    Returns:
        What it returned, and the rows that fitted.

    Raises:
        MemoryError: If even a single row does not fit.
    """
    tried = [rows]

    def half() -> int:
        tried.append(tried[-1] // 2)
        return tried[-1]

    @find_executable_batch_size(starting_batch_size=rows, reduce_batch_size_fn=half)
    def fitted(size: int) -> T:
        return run(size)

    try:
        found: T = fitted()
    except RuntimeError as error:
        if tried[-1]:
            raise
        raise MemoryError(
            "memory runs out with a single row in a batch; take a smaller format (`dtype=bfloat16`), another device or "
            "shorter answers"
        ) from error
    if len(tried) > 1:
        warnings.warn(f"a batch of {rows} rows takes more memory than there is; {tried[-1]} fitted", Note, stacklevel=2)
    return found, tried[-1]
