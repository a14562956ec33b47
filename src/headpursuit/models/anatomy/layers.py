"""The decoder's layers, which hold the sites: what leaves one is the residual stream."""

import re
from collections.abc import Sequence

from torch import nn

from headpursuit.models.anatomy.sites import AnatomyError, HeadSite

_LAYER = re.compile(r"(.*?)\.(\d+)\.")


def decoder_layers(network: nn.Module, sites: Sequence[HeadSite]) -> tuple[tuple[nn.Module, ...], dict[str, int]]:
    """The layers that hold the heads and those between them, in the order they run in; and the layer of each site.

    Raises:
        AnatomyError: If they are no list of modules that each run once.
    """
    found = {site.name: _LAYER.match(site.path) for site in sites}
    lists = {match[1] for match in found.values() if match}
    if any(site.call for site in sites) or len(lists) != 1 or not all(found.values()):
        raise AnatomyError("its layers are not one list of modules that each run once")
    modules = network.get_submodule(lists.pop())
    if not isinstance(modules, nn.ModuleList):
        raise AnatomyError("its layers are not one list of modules that each run once")
    return tuple(modules), {name: int(match[2]) for name, match in found.items() if match}
