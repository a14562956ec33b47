"""Overflow: values that stop being numbers in a forward pass, so that heads in front of them cannot be found."""

from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from headpursuit.models.anatomy.probe import Probe, run_probe


@torch.no_grad()
def overflow_in(network: PreTrainedModel, probe: Probe) -> str:
    """The first module that is given or gives NaN or infinities, of those without modules in them; empty if none is."""
    found: list[str] = []

    def look(name: str, values: tuple[Any, ...]) -> None:
        if not found and any(_is_broken(one) for one in values):
            found.append(name)

    with ExitStack() as stack:
        for name, module in network.named_modules():
            if not any(True for _ in module.children()):
                hook = module.register_forward_hook(lambda _, args, output, name=name: look(name, (*args, output)))
                stack.callback(hook.remove)
        run_probe(network, probe)
    return found[0] if found else ""


def _is_broken(values: Any) -> bool:
    return isinstance(values, Tensor) and values.is_floating_point() and not bool(values.isfinite().all())
