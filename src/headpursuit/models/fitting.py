"""Batches as large as memory holds: found by trying."""

import warnings
from collections.abc import Callable
from typing import TypeVar

from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

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
    size = rows
    while True:
        try:
            found = run(size)
            break
        except RuntimeError as error:
            if not should_reduce_batch_size(error):
                raise
            if size == 1:
                raise MemoryError(
                    "memory runs out with a single row in a batch; take a smaller format (`dtype=bfloat16`), another "
                    "device or shorter answers"
                ) from error
        # Here, not above: what failed is held by its error until then.
        clear_device_cache(garbage_collection=True)
        size //= 2
    if size < rows:
        warnings.warn(f"a batch of {rows} rows takes more memory than there is; {size} fitted", Note, stacklevel=2)
    return found, size
