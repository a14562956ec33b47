"""Poison one number of a head's query, where attention itself is not seen, and see what it reaches.

Whatever an attention does with a query, all that its head mixes depends on every number of it, and no other head does.
So a linear module before the projection makes queries if, for every bit of a head's number and its complement, one
number of each such head made NaN reaches all of those heads' slices of the projection's input, and nothing else. Keys
do the same; values do not: a number of a value reaches one column, and so heads of width 1 cannot be told.
"""

from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from headpursuit.models.anatomy.probe import Probe, is_linear, run_probe
from headpursuit.models.anatomy.sites import HeadSite


@torch.no_grad()
def queries_reach_slices(network: PreTrainedModel, site: HeadSite, probe: Probe) -> bool:
    """True if the slices of a site are what the queries of so many heads reach.

    Queries are looked for among the linear modules that have the projection's parent, with one head's numbers behind
    another's, alone, before keys and values, or head by head with these.
    """
    place, _, _ = site.path.rpartition(".")
    modules = network.get_submodule(place).named_modules() if site.d_head > 1 else ()
    candidates = [m for name, m in modules if is_linear(m) and ".".join(filter(None, [place, name])) != site.path]
    return any(_reaches(network, site, probe, made, stride) for made in candidates for stride in _strides(made, site))


def _strides(module: nn.Module, site: HeadSite) -> list[int]:
    """Distances that the queries of two heads may have."""
    width: Any = getattr(module, "out_features", site.width)
    own = [width // site.n_heads] if width % site.n_heads == 0 else []
    return list(dict.fromkeys(n for n in (*own, site.d_head) if 0 < n * (site.n_heads - 1) < width))


def _reaches(network: PreTrainedModel, site: HeadSite, probe: Probe, module: nn.Module, stride: int) -> bool:
    n_bits = max(1, (site.n_heads - 1).bit_length())
    halves = ([h for h in range(site.n_heads) if (h >> bit) & 1 == value] for bit in range(n_bits) for value in (0, 1))
    for heads in filter(None, halves):
        expected = torch.zeros(site.n_heads, site.d_head, dtype=torch.bool)
        expected[heads] = True
        found = _reached(network, site, probe, module, [head * stride for head in heads])
        if found is None or not torch.equal(found, expected.flatten()):
            return False
    return True


def _reached(
    network: PreTrainedModel, site: HeadSite, probe: Probe, module: nn.Module, numbers: list[int]
) -> Tensor | None:
    """Columns of the projection's input that are NaN where some numbers of a module's output are."""
    found: list[Tensor] = []

    def poison(_: nn.Module, __: Any, output: Any) -> Any:
        if not isinstance(output, Tensor) or output.shape[-1] <= max(numbers):
            return None
        return output.index_fill(-1, torch.tensor(numbers, device=output.device), torch.nan)

    def see(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        found.append(args[0].flatten(0, -2).isnan().any(0).cpu())
        return args[0].nan_to_num(0.0), *args[1:]

    with ExitStack() as stack:
        stack.callback(module.register_forward_hook(poison).remove)
        stack.callback(network.get_submodule(site.path).register_forward_pre_hook(see).remove)
        run_probe(network, probe)
    return found[0] if len(found) == 1 else None
