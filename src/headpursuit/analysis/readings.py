"""Captures read with the model's weights: every head's signals, and the directions of all tokens."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.analysis.captures import Capture
from headpursuit.heads import Head
from headpursuit.models import HeadSite, LanguageModel, heads_sha256, unembedding, write_weights
from headpursuit.pursuit import Dictionary, Moments, Rule, Signals

Batch = tuple[tuple[Head, ...], Signals]
"""Some heads and their signals."""


@dataclass(frozen=True, eq=False)
class Reading:
    """Signals of all heads of a capture, made when they are asked for, and the directions of all tokens."""

    directions: Float[Tensor, "vocab d_model"]
    """Directions of all tokens, as they stand in the unembedding."""
    _sites: tuple[tuple[HeadSite, tuple[int, ...]], ...]
    """Layers and which of their heads."""
    _signals: Callable[[HeadSite, tuple[int, ...]], Signals]
    _kept: dict[int, tuple[Batch, ...]] | None = None
    """Batches by the room they take, where they are to be kept."""

    @property
    def n_heads(self) -> int:
        """Number of heads that are read."""
        return sum(len(indices) for _, indices in self._sites)

    @cached_property
    def dictionary(self) -> Dictionary:
        """All tokens as atoms."""
        return Dictionary.of(self.directions)

    def kept(self) -> "Reading":
        """The same, but batches that were made once stay in memory: for those who ask again and again."""
        return replace(self, _kept={})

    def only(self, heads: Iterable[Head]) -> "Reading":
        """The same for some heads.

        Raises:
            ValueError: If one is not among those that are read.
        """
        wanted = set(heads)
        sites = [(site, tuple(i for i in indices if site.heads[i] in wanted)) for site, indices in self._sites]
        missing = wanted - {site.heads[i] for site, indices in sites for i in indices}
        if missing:
            raise ValueError(f"{min(missing)} is not among the heads that were read")
        made = replace(self, _sites=tuple((site, indices) for site, indices in sites if indices), _kept=None)
        vars(made)["dictionary"] = self.dictionary
        return made

    def batches(self, room: int) -> Iterator[Batch]:
        """Heads of one width together, layer by layer, until their signals take `room` bytes."""
        if self._kept is None:
            return self._batches(room)
        if room not in self._kept:
            self._kept[room] = tuple(self._batches(room))
        return iter(self._kept[room])

    def _batches(self, room: int) -> Iterator[Batch]:
        names: list[Head] = []
        parts: list[Signals] = []
        for i, (site, indices) in enumerate(self._sites):
            names += [site.heads[index] for index in indices]
            parts.append(self._signals(site, indices))
            size = sum(part.rows.numel() * part.rows.element_size() for part in parts)
            following = self._sites[i + 1][0].d_head if i + 1 < len(self._sites) else None
            if following != site.d_head or size >= room:
                yield tuple(names), Signals.concatenate(parts)
                names, parts = [], []


def read(
    model: LanguageModel,
    capture: Capture,
    *,
    rule: Rule = "l2",
    centre: bool = True,
    gain: bool = False,
    heads: Iterable[Head] | None = None,
) -> Reading:
    """Bring a capture and its model's weights together.

    Args:
        model: The model that was captured.
        capture: The capture.
        rule: The pursuit's rule; `l1` reads samples, the others moments.
        centre: Subtract each head's mean first.
        gain: Multiply token directions by the final norm's gain.
        heads: Only these; all if None.

    Raises:
        TypeError: If it is no capture.
        ValueError: If the capture is of another model, has no samples for l1, only one for centring or only such that
            are the same, a head wrote infinite or undefined values, or a head does not exist.
    """
    if not isinstance(capture, Capture):
        raise TypeError(
            f"the capture is of type {type(capture).__name__}; give what hp.capture returned, or Capture.load(folder)"
        )
    directions = unembedding(model, gain=gain)
    for part, ours, theirs in (
        ("unembedding", directions.sha256, capture.identity.unembedding_sha256),
        ("output projection", heads_sha256(model), capture.identity.heads_sha256),
    ):
        if ours != theirs:
            raise ValueError(
                f"the capture was made with {capture.identity.model or 'another model'} in {capture.identity.dtype}; "
                f"{model.name or 'this model'} in {model.dtype} has another {part}; "
                "give the model and dtype that were captured"
            )
    if rule == "l1" and capture.samples is None:
        raise ValueError("the l1 rule needs samples, but the capture kept only moments; capture with samples or use l2")
    n_samples = len(capture.samples) if rule == "l1" and capture.samples is not None else capture.n_samples
    if centre and n_samples < 2:
        raise ValueError(
            "the capture holds one sample, and centring leaves nothing of it; capture more prompts, or do not centre"
        )
    _check_finite(model, capture, rule)
    if centre:
        _check_different(capture)
    wanted = None if heads is None else set(heads)
    for head in sorted(wanted or ()):
        model.anatomy.site_of(head)
    sites = []
    for site in sorted(model.anatomy.sites, key=lambda site: (site.d_head, site.layer)):
        indices = tuple(head.index for head in site.heads if wanted is None or head in wanted)
        if indices:
            sites.append((site, indices))
    return Reading(directions.vectors, tuple(sites), partial(_signals, model, capture, rule, centre))


def _check_finite(model: LanguageModel, capture: Capture, rule: Rule) -> None:
    for site in model.anatomy.sites:
        values = [capture.moments[site.name].second.flatten(1)]
        if rule == "l1" and capture.samples is not None:
            values.append(capture.samples.mixed[site.name].transpose(0, 1).flatten(1))
        undefined = torch.stack([~part.isfinite().all(1) for part in values]).any(0)
        if undefined.any():
            raise ValueError(
                f"{site.heads[int(undefined.nonzero()[0])]} has infinite or undefined values in this capture; "
                "capture again with `dtype=float32`"
            )


_SAME = 8
"""Units in the last place by which all heads' values may vary, in quadratic mean, where prompts are the same."""


def _check_different(capture: Capture) -> None:
    eps = torch.finfo(getattr(torch, capture.identity.dtype)).eps
    rounding = max((_SAME * eps) ** 2, _LEAST_VARYING)
    if all(bool((moments.varying <= rounding).all()) for moments in capture.moments.values()):
        raise ValueError(
            f"all {capture.n_samples} captured positions are the same; centred, there is nothing left to explain: "
            "capture different prompts, or do not centre (`centre=False`)"
        )


_LEAST_VARYING = 1e-13
"""Share of a head's energy that float64 moments can tell from none."""


def _signals(
    model: LanguageModel, capture: Capture, rule: Rule, centre: bool, site: HeadSite, chosen: tuple[int, ...]
) -> Signals:
    indices = list(chosen)
    write = write_weights(model.network, site)
    if len(indices) < site.n_heads:
        write = write[indices]
    if rule == "l1":
        assert capture.samples is not None
        return Signals.from_samples(capture.samples.mixed[site.name][:, indices].to(write), write, centre=centre)
    m = capture.moments[site.name]
    moments = Moments(m.second[indices].to(write.device), m.total[indices].to(write.device), m.count)
    return Signals.from_moments(moments, write, centre=centre)
