"""Find every head: turn what poisoning reached into sites, numbered by layer.

The columns that each head reaches (see `poisoning`) must fall into slices of equal width, one after another. If they
do not because a norm over all heads lies between attention and projection, the norm's input must (flag `joint_norm`).
So no name, no config and no shape is trusted; `certificate` then adds what numbers can prove.
"""

import re
from collections import Counter
from dataclasses import replace
from typing import get_args

from torch import nn
from transformers import PreTrainedModel

from headpursuit.heads import Kind
from headpursuit.models.anatomy.poisoning import Poisonings, Reached, poison_all
from headpursuit.models.anatomy.probe import Probe, encoder_modules, is_norm, probe_input
from headpursuit.models.anatomy.sites import Anatomy, AnatomyError, HeadSite
from headpursuit.models.sharding import n_shards

_CROSS = re.compile(r"cross|encoder_attn|enc(oder)?_?dec(oder)?_?att", re.IGNORECASE)
"""In the name of a projection: its heads attend to something else than the text."""

_REFUSED = {
    "diffusion_gemma": "it denoises a canvas of random tokens instead of writing from left to right",
    "jetmoe": "a router chooses the query and output projections for each token",
    "prophetnet": "each layer's projection runs once for every n-gram stream",
    "reformer": "its residual stream is reversible and in two parts, and its attention hashes tokens into buckets",
    "xlnet": "its output projection is a parameter used in a tensor product, not a linear module",
}
"""Families whose heads cannot be scaled at an output projection, and why. Those without softmax attention need no
entry: nothing is seen in them."""

_MLP = re.compile(r"mlp|moe|feed_?forward|ffn|dropout|expert|identity", re.IGNORECASE)


def locate(network: PreTrainedModel, probe: Probe | None = None, poisonings: Poisonings | None = None) -> Anatomy:
    """Find every attention's output projection, and how its input is divided into heads.

    The probe is made here where text alone will do, and poisoned unless `poison_all` was run before.

    Raises:
        AnatomyError: If no heads are found, or they are mixed before the projection; the text gives the reason.
    """
    if refused := _REFUSED.get(network.config.model_type):
        raise AnatomyError(f"{type(network).__name__} is refused: {refused}")
    probe = probe_input(network) if probe is None else probe
    poisonings = poisonings or poison_all(network, probe)
    if not poisonings.reached:
        raise AnatomyError(
            f"no attention heads were seen in a forward pass of {type(network).__name__}: no softmax attention "
            "followed by a linear output projection"
        )
    within = set(encoder_modules(network).values())
    found = [_site(network, reached, poisonings) for reached in poisonings.reached if reached.path not in within]
    if not found:
        raise AnatomyError(f"no attention heads were seen in the decoder of {type(network).__name__}")
    sites = with_layers(found)
    encoder, no_encoder = _encoder(network, [r for r in poisonings.reached if r.path in within], poisonings)
    return Anatomy(
        tuple(sorted(sites, key=lambda site: (site.layer, site.kind != "self"))),
        skipped_layers(network, sites),
        encoder=encoder,
        no_encoder=no_encoder if within else "",
    )


def _encoder(
    network: PreTrainedModel, reached: list[Reached], poisonings: Poisonings
) -> tuple[tuple[HeadSite, ...], str]:
    """The sites of an encoder, or the reason why there are none; the decoder's heads are what they are without."""
    if not reached:
        return (), "no heads were seen in it"
    try:
        sites = [replace(_site(network, one, poisonings), kind="encoder") for one in reached]
    except AnatomyError as error:
        return (), str(error)
    seen = Counter(site.path for site in sites)
    more = next((path for path, n in seen.items() if poisonings.n_runs(path) != n), None)
    if more:
        return (), f"{more} runs {poisonings.n_runs(more)} times, and heads are seen before {seen[more]} of them"
    return tuple(sorted(with_layers(sites), key=lambda site: site.layer)), ""


def _site(network: PreTrainedModel, reached: Reached, poisonings: Poisonings) -> HeadSite:
    width, path, call = len(reached.columns), reached.path, reached.call
    n_heads, joint = poisonings.n_slices(path, call)
    if n_heads == 0:
        raise AnatomyError(
            f"the {reached.attended.n_heads} heads seen before {path} are not slices of its {width} inputs: they are "
            "mixed, reordered or joined by other values before it"
        )
    split = getattr(network.get_submodule(path), "in_features", width) != width and n_shards(network) > 1
    return HeadSite(
        layer=0,
        path=path,
        n_heads=n_heads * (n_shards(network) if split else 1),
        d_head=width // n_heads,
        kind="cross" if _CROSS.search(path) else "self",
        call=call,
        through=poisonings.following(path, call) if reached.groups > 1 else "",
        flags=("joint_norm",) if joint else (),
    )


def with_layers(sites: list[HeadSite]) -> list[HeadSite]:
    """Number the sites as their paths do, or in the order they ran where that does not tell them apart."""
    numbers = [_layer_number(site.path) for site in sites]
    if len(set(zip(numbers, (s.kind for s in sites), strict=True))) < len(sites) or -1 in numbers:
        orders = {kind: iter(range(len(sites))) for kind in get_args(Kind)}
        numbers = [next(orders[site.kind]) for site in sites]
    looped = {site.path for site in sites if site.call > 0}
    return [
        replace(site, layer=number, flags=(*site.flags, "looped") if site.path in looped else site.flags)
        for site, number in zip(sites, numbers, strict=True)
    ]


def _layer_number(path: str) -> int:
    found = re.search(r"(?<=\.)\d+(?=\.)", path)
    return int(found[0]) if found else -1


def skipped_layers(network: PreTrainedModel, sites: list[HeadSite]) -> tuple[tuple[int, str], ...]:
    """Layers without heads: those that stand in one list with layers that have some."""
    prefixes = {match[1] for site in sites if (match := re.match(r"(.*?)\.\d+\.", site.path))}
    with_heads = {site.layer for site in sites}
    if len(prefixes) != 1 or any("looped" in site.flags for site in sites):
        return ()
    layers = dict(network.get_submodule(prefixes.pop()).named_children())
    return tuple((int(n), _mixer(layer)) for n, layer in layers.items() if n.isdigit() and int(n) not in with_heads)


def _mixer(layer: nn.Module) -> str:
    """The kind of what a layer has where others have attention: its first child that is neither norm nor MLP."""
    kinds = [type(child).__name__ for child in layer.children() if not is_norm(child)]
    return next((kind for kind in kinds if not _MLP.search(kind)), (kinds or [type(layer).__name__])[0])
