"""Where captures meet the model's weights: every head's signals, and the directions of all tokens."""

from collections.abc import Iterable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from headpursuit.analysis.captures import Capture
from headpursuit.heads import Head
from headpursuit.models import HeadSite, LanguageModel, heads_sha256, unembedding, write_weights
from headpursuit.pursuit import Moments, Rule, Signals


@dataclass(frozen=True)
class Reading:
    """Signals of all heads of a capture, and the directions of all tokens."""

    batches: tuple[tuple[tuple[Head, ...], Signals], ...]
    """Heads of one width together, in order of layers."""
    directions: Float[Tensor, "vocab d_model"]
    """Directions of all tokens, as they stand in the unembedding."""

    @property
    def heads(self) -> tuple[Head, ...]:
        """All heads, in the order of the batches."""
        return tuple(head for heads, _ in self.batches for head in heads)


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
        ValueError: If the capture is of another model, has no samples for l1 or only one for centring, or a head does
            not exist.
    """
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
    if centre and capture.n_samples < 2:
        raise ValueError(
            "the capture holds one sample, and centring leaves nothing of it; capture more prompts, or do not centre"
        )
    wanted = None if heads is None else sorted(set(heads))
    for head in wanted or ():
        model.anatomy.site_of(head)
    groups: dict[int, list[tuple[list[Head], Signals]]] = {}
    for site in model.anatomy.sites:
        indices = [i for i in range(site.n_heads) if wanted is None or Head(site.layer, i) in wanted]
        if indices:
            signals = _signals(model, capture, site, indices, rule, centre)
            groups.setdefault(site.d_head, []).append(([Head(site.layer, i) for i in indices], signals))
    batches = tuple(
        (tuple(h for heads, _ in parts for h in heads), Signals.concatenate([s for _, s in parts]))
        for parts in groups.values()
    )
    return Reading(batches, directions.vectors)


def _signals(
    model: LanguageModel, capture: Capture, site: HeadSite, indices: list[int], rule: Rule, centre: bool
) -> Signals:
    write = write_weights(model.network, site)[indices]
    if rule == "l1":
        assert capture.samples is not None
        return Signals.from_samples(capture.samples.mixed[site.layer][:, indices].to(write), write, centre=centre)
    m = capture.moments[site.layer]
    chosen = Moments(m.second[indices].to(write.device), m.total[indices].to(write.device), m.count)
    return Signals.from_moments(chosen, write, centre=centre)
