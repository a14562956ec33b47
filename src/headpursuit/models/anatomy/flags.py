"""Flags: what the way of the writes through the network says about claims on them."""

from collections import Counter
from dataclasses import replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from headpursuit.models.anatomy.flow import Followed, follow_writes
from headpursuit.models.anatomy.probe import Probe
from headpursuit.models.anatomy.sites import TOLERANCE, Anatomy, HeadSite


@torch.no_grad()
def with_flags(network: PreTrainedModel, anatomy: Anatomy, probe: Probe) -> Anatomy:
    """The anatomy with every site's flags, post-norm and multiplier.

    What an encoder writes is not followed: it is read by the decoder's attentions, not by an unembedding.
    """
    notes, shared = follow_writes(network, anatomy.sites, probe), _shared(network, anatomy.every_site)
    sites = (_flagged(site, i, notes, site.path in shared) for i, site in enumerate(anatomy.sites))
    encoder = (
        replace(site, flags=(*site.flags, "shared_weights")) if site.path in shared else site
        for site in anatomy.encoder
    )
    return replace(anatomy, sites=tuple(sites), encoder=tuple(encoder), final_norm=notes.final_norm)


def _shared(network: PreTrainedModel, sites: tuple[HeadSite, ...]) -> set[str]:
    """Projections whose weights other modules use too, or which run several times."""
    owners = Counter(id(p) for module in network.modules() for p in module.parameters(recurse=False))
    runs = Counter(site.path for site in sites)
    modules = {site.path: network.get_submodule(site.path) for site in sites}
    return {
        path
        for path, module in modules.items()
        if runs[path] > 1 or any(owners[id(p)] > 1 for p in module.parameters(recurse=False))
    }


def _flagged(site: HeadSite, number: int, notes: Followed, shared: bool) -> HeadSite:
    bit, flags = 1 << number, list(site.flags)
    multiplier = _ratio(notes.arrived.get(number), notes.written.get(number))
    if number in notes.gated:
        flags.append("gated")
    norm = notes.norms.get(number, "") if multiplier is not None else ""
    if norm:
        flags.append("post_norm")
    if multiplier is None:
        flags.append("not_a_direct_write")
    elif multiplier != 1:
        flags.append("multiplier")
    if not notes.at_the_end & bit and multiplier is not None:
        ends = notes.sums_read_by_norm & bit and not (notes.sums_added_to | notes.sums_scaled) & bit
        flags.append("post_ln" if ends else "scaled_stream")
    if notes.mlp_sees.get(number) is False:
        flags.append("parallel")
    if shared:
        flags.append("shared_weights")
    return replace(site, norm=norm, multiplier=1.0 if multiplier is None else multiplier, flags=tuple(flags))


def _ratio(arrived: Tensor | None, written: Tensor | None) -> float | None:
    """The number by which what arrived is a multiple of what was written; None if it is none."""
    if arrived is None or written is None or arrived.numel() != written.numel():
        return None
    one, other = written.double().flatten(), arrived.double().flatten()
    if torch.equal(one, other):
        return 1.0
    ratio = float(one @ other / (one @ one).clamp_min(1e-30))
    error = (other - ratio * one).norm() / other.norm().clamp_min(1e-30)
    return ratio if error < TOLERANCE.get(written.dtype, 3e-2) else None
