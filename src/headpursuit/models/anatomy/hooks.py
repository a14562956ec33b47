"""Hooks at heads, called when they have computed and when they have been written, in whichever run of a module."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from headpursuit.models.anatomy.sites import HeadSite, side_by_side


@contextmanager
def site_hooks(
    network: nn.Module,
    sites: Iterable[HeadSite],
    enter: Callable[[HeadSite, Tensor], Tensor | None] | None = None,
    leave: Callable[[HeadSite, Tensor], None] | None = None,
) -> Iterator[None]:
    """Watch sites in one forward pass inside the block; other runs of their projections are passed over.

    Args:
        network: The network.
        sites: The sites.
        enter: Called with a site and its mixed values, all heads (of this process) along the last axis; what it
            returns takes their place, unless it is None.
        leave: Called with a site and its projection's output, as the module gave it.
    """
    wanted = {(site.path, site.call): site for site in sites}
    runs = Counter[str]()

    def before(path: str, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        runs[path] += 1
        site = wanted.get((path, runs[path] - 1))
        given = enter(site, side_by_side(args[0], site)) if site and enter else None
        return None if given is None else (given.reshape(args[0].shape), *args[1:])

    def after(path: str, output: Tensor) -> None:
        site = wanted.get((path, runs[path] - 1))
        if site and leave:
            leave(site, output)

    with ExitStack() as stack:
        for path, end in {site.path: site.output for site in wanted.values()}.items():
            first, last = network.get_submodule(path), network.get_submodule(end)
            stack.callback(first.register_forward_pre_hook(lambda _, args, p=path: before(p, args)).remove)
            stack.callback(last.register_forward_hook(lambda _, __, output, p=path: after(p, output)).remove)
        yield
