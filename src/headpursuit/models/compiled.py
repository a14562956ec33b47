"""Compiled models: run their own code instead, for PyTorch ignores hooks that are placed on compiled code."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch
from torch._dynamo.eval_frame import OptimizedModule

_lock = Lock()
_blocks = 0
"""Number of blocks that are open now, in all threads."""
_stance: Any = None
"""Puts torch's own setting back when the last block closes."""


@contextmanager
def uncompiled() -> Iterator[None]:
    """Run everything that is compiled as plain Python while a block runs, so that hooks are heard.

    It covers `torch.compile(model)`, `model.compile()`, compiled parts, compiled functions that call the model, and
    what `generate` compiles by itself. What was compiled before is kept, and runs again afterwards. torch has one such
    setting for the process, so that other models run uncompiled meanwhile too. Blocks may overlap in any order.
    """
    global _blocks, _stance
    with _lock:
        if _blocks == 0:
            _stance = torch.compiler.set_stance("force_eager")  # takes effect here
        _blocks += 1
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if _blocks == 0:
                _stance.__exit__(None, None, None)


def plain_network(network: Any) -> Any:
    """The network inside what `torch.compile` returned, or the network itself."""
    while isinstance(network, OptimizedModule):
        network = network._orig_mod
    return network
