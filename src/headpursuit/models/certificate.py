"""Prove that what `locate` found are heads, by numbers, on the model at hand."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from headpursuit.heads import Edit
from headpursuit.models.anatomy import (
    Anatomy,
    AnatomyError,
    HeadSite,
    Watch,
    probe_input,
    projection,
)
from headpursuit.models.scaling import rescale_sites
from headpursuit.models.sharding import own_head, own_part, whole_tensor, whole_width
from headpursuit.models.weights import bias_of, write_weights

_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-8, torch.float16: 5e-3, torch.bfloat16: 3e-2}


@dataclass(frozen=True)
class Certificate:
    """What was measured on a short forward pass; relative errors are Frobenius norms, the worst over layers."""

    n_layers: int
    n_heads: int
    conservation: float
    """|sum over heads of z W + bias - projection's output| / |output|."""
    isolation: float
    """Doubling a head's z at the attention: |change of the projection's input - z in its slice alone| / |z|."""
    silence: float
    """With all heads at scale 0: |projection's output - bias| / |usual output|."""
    identity: bool
    """With all heads at scale 1 the logits are bit-equal."""
    tolerance: float
    """What the errors were allowed to be, for the network's dtype."""

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"certified: {self.n_heads} heads in {self.n_layers} layers; heads + bias = projection to "
            f"{self.conservation:.0e}, each head moves only its slice to {self.isolation:.0e}, scale 0 leaves bias "
            f"to {self.silence:.0e}, scale 1 changes nothing"
        )


@dataclass
class _Record:
    """Inputs and outputs of every projection in one forward pass."""

    mixed: dict[HeadSite, Tensor]
    written: dict[HeadSite, Tensor]
    logits: Tensor
    attention: dict[HeadSite, tuple[int, int]]
    """Number of the attention output that came right before the projection, and how many heads it has here."""


@torch.no_grad()
def certify(network: PreTrainedModel, anatomy: Anatomy) -> Certificate:
    """Measure conservation, isolation of every head, scale 0 and scale 1.

    Raises:
        AnatomyError: If one of them fails; the text says which, where and by how much.
    """
    tolerance = _TOLERANCE.get(network.dtype, 3e-2)
    clean = _forward(network, anatomy)
    with rescale_sites(network, anatomy, Edit.uniform(anatomy.heads, 1.0)):
        identity = torch.equal(_forward(network, anatomy).logits, clean.logits)
    if not identity:
        raise AnatomyError("rescaling all heads by 1 changed the logits; is the model in training mode?")
    conservation = _worst(anatomy, tolerance, lambda s: _conservation(network, s, clean), _NOT_CONSERVED)
    with rescale_sites(network, anatomy, Edit.uniform(anatomy.heads, 0.0)):
        silent = _forward(network, anatomy)
    silence = _worst(anatomy, tolerance, lambda s: _silence(network, s, silent, clean), _NOT_SILENT)
    isolation = max(_isolation(network, anatomy, index, clean, tolerance) for index in range(_most_heads(anatomy)))
    return Certificate(len(anatomy.sites), anatomy.n_heads, conservation, isolation, silence, identity, tolerance)


_NOT_CONSERVED = "the heads' contributions and the bias do not add up to the projection's output"
_NOT_SILENT = "with all heads at scale 0 the projection does not leave its bias"
_NOT_ISOLATED = "doubling one head at the attention does not move exactly its slice of the projection's input"


def _worst(anatomy: Anatomy, tolerance: float, measure: Callable[[HeadSite], float], failure: str) -> float:
    worst = 0.0
    for site in anatomy.sites:
        error = measure(site)
        if not error <= tolerance:  # also refuses NaN
            raise AnatomyError(f"{failure}: relative error {error:.1e} at {site.path}, allowed {tolerance:.0e}")
        worst = max(worst, error)
    return worst


def _conservation(network: nn.Module, site: HeadSite, clean: _Record) -> float:
    mixed = clean.mixed[site].float().unflatten(-1, (site.n_heads, site.d_head))
    written = torch.einsum("nhd,hdm->nm", mixed, write_weights(network, site))
    bias = bias_of(projection(network, site))
    if bias is not None:
        written = written + bias.float()
    return _relative(written - clean.written[site].float(), clean.written[site])


def _silence(network: nn.Module, site: HeadSite, silent: _Record, clean: _Record) -> float:
    bias = bias_of(projection(network, site))
    left = silent.written[site].float() - (0 if bias is None else bias.float())
    return _relative(left, clean.written[site])


def _most_heads(anatomy: Anatomy) -> int:
    return max(site.n_heads for site in anatomy.sites)


def _isolation(network: PreTrainedModel, anatomy: Anatomy, index: int, clean: _Record, tolerance: float) -> float:
    """Double one head of every layer at the attention, and see what moves."""
    sites = tuple(site for site in anatomy.sites if index < site.n_heads)
    double = {number: own_head(index, site.n_heads, here) for site, (number, here) in clean.attention.items()}
    moved = _forward(network, anatomy, clean=clean, double={n: head for n, head in double.items() if head is not None})

    def error(site: HeadSite) -> float:
        part = site.slice_of(index)
        change = moved.mixed[site].float() - clean.mixed[site].float()
        change[:, part] -= clean.mixed[site][:, part].float()
        return _relative(change, clean.mixed[site][:, part])

    return _worst(Anatomy(sites), tolerance, error, _NOT_ISOLATED)


def _relative(error: Tensor, reference: Tensor) -> float:
    return float(error.norm() / reference.float().norm().clamp_min(1e-20))


def _forward(
    network: PreTrainedModel,
    anatomy: Anatomy,
    *,
    clean: _Record | None = None,
    double: dict[int, int] | None = None,
) -> _Record:
    """Run the probe and record every projection; with `clean`, each projection receives its clean input.

    So one pass can double a head in every layer without one layer's change reaching the next.
    """
    watch = Watch(double)
    record = _Record({}, {}, torch.empty(0), {})

    def before(site: HeadSite, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        record.mixed[site] = whole_width(args[0].flatten(0, -2), site.n_heads * site.d_head).clone()
        record.attention[site] = len(watch.seen) - 1, watch.seen[-1].n_heads if watch.seen else site.n_heads
        if clean is None:
            return None
        return own_part(clean.mixed[site], args[0].shape[-1]).reshape_as(args[0]), *args[1:]

    def after(site: HeadSite, output: Tensor) -> None:
        record.written[site] = whole_tensor(output).flatten(0, -2).clone()

    with ExitStack() as stack:
        for site in anatomy.sites:
            module = projection(network, site)
            stack.callback(module.register_forward_pre_hook(lambda _, args, s=site: before(s, args)).remove)
            stack.callback(module.register_forward_hook(lambda _, __, out, s=site: after(s, out)).remove)
        with watch:
            record.logits = whole_tensor(network(**probe_input(network), use_cache=False).logits)
    return record
