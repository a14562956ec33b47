"""Weights that accelerate keeps elsewhere, in main memory or on disk, until they are needed (`device_map`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


def is_offloaded(module: nn.Module) -> bool:
    """Its parameters are placeholders without values, which accelerate's hook fills while it runs."""
    return bool(getattr(getattr(module, "_hf_hook", None), "offload", False))


@contextmanager
def weights_at_hand(module: nn.Module) -> Iterator[None]:
    """Bring offloaded weights back while the block runs."""
    if not is_offloaded(module):
        yield
        return
    hook: Any = module._hf_hook
    try:
        hook.pre_forward(module)
        yield
    finally:
        hook.post_forward(module, None)
