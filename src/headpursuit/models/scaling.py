"""The hook that multiplies heads, and the count of what it touched."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._dynamo.eval_frame import OptimizedModule

from headpursuit.heads import Edit
from headpursuit.models.anatomy.sites import Anatomy, HeadSite, projection, shaped_like
from headpursuit.models.sharding import own_part


@dataclass
class Applied:
    """Proof of what an edit touched."""

    calls: Counter[str] = field(default_factory=Counter)
    """How often the output projection of each edited site (`L12`) ran."""

    @property
    def n_forwards(self) -> int:
        """How many forward passes were edited: the prompt's, and one for each further token."""
        return min(self.calls.values(), default=0)


@contextmanager
def rescale_sites(network: nn.Module, anatomy: Anatomy, edit: Edit) -> Iterator[Applied]:
    """`rescale` for a network whose anatomy is known, certified or not."""
    if isinstance(network, OptimizedModule) or getattr(network, "_compiled_call", None) is not None:
        raise ValueError("the model is compiled, and torch ignores hooks on a compiled model; rescale it uncompiled")
    factors: dict[HeadSite, Tensor] = {}
    for head, scale in edit.items():
        site = anatomy.site_of(head)
        factor = factors.setdefault(site, torch.ones(site.n_heads * site.d_head))
        factor[site.slice_of(head.index)] = scale
    applied = Applied(Counter(dict.fromkeys((site.name for site in factors), 0)))
    with ExitStack() as stack:
        for site, factor in factors.items():
            hook = _Multiply(site, factor, applied)
            handle = projection(network, site).register_forward_pre_hook(hook)
            stack.callback(handle.remove)
        yield applied


class _Multiply:
    """The hook: one multiplication by a vector that is 1 outside the edited slices."""

    def __init__(self, site: HeadSite, factor: Tensor, applied: Applied) -> None:
        self._site, self._factor, self._applied = site, factor, applied

    def __call__(self, _: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        mixed = args[0]
        self._factor = (
            own_part(self._factor, mixed.shape[-1]).to(mixed) if not self._site.through else self._factor.to(mixed)
        )
        self._applied.calls[self._site.name] += 1
        return (mixed * shaped_like(self._factor, mixed), *args[1:])
