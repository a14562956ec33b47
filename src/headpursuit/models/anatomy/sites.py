"""The anatomy of a model: every head, and where its mixed values are read."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from headpursuit.heads import Head, Kind, site_name


class AnatomyError(Exception):
    """The heads of a model cannot be found, or cannot be proven to be heads."""


@dataclass(frozen=True)
class HeadSite:
    """One attention's heads: where its output projection is, how its input is divided, and where its output goes."""

    layer: int
    """Number of the decoder's layer, or of the encoder's, from zero."""
    path: str
    """Name of the output projection within the network, for `get_submodule`."""
    n_heads: int
    d_head: int
    """Width of one head's slice; differs from d_model / n_heads in many families."""
    kind: Kind = "self"
    call: int = 0
    """Number of the projection's run within a forward pass, from zero, where a layer is run several times."""
    through: str = ""
    """A second linear module that finishes the projection, where the first works on groups of heads."""
    norm: str = ""
    """The norm that the projection's output passes before it is added to the residual stream (flag `post_norm`)."""
    multiplier: float = 1.0
    """The factor on the projection's output before it is added to the residual stream (flag `multiplier`)."""
    flags: tuple[str, ...] = ()
    """Limits of statements about what its heads write; see `FLAGS`."""

    @property
    def name(self) -> str:
        """The name of its heads together, such as `L12`."""
        return site_name(self.layer, self.kind)

    @property
    def heads(self) -> tuple[Head, ...]:
        """Its heads."""
        return tuple(Head(self.layer, index, self.kind) for index in range(self.n_heads))

    @property
    def width(self) -> int:
        """All heads side by side."""
        return self.n_heads * self.d_head

    @property
    def output(self) -> str:
        """Name of the module whose output is what all heads write together."""
        return self.through or self.path

    def slice_of(self, index: int) -> slice:
        """The head's slice of the projection's input."""
        return slice(index * self.d_head, (index + 1) * self.d_head)


FLAGS = {
    "gated": "each head passes a gate or the like between attention and projection; mixed values are read behind it",
    "joint_norm": "a norm over all heads precedes the projection; a head's mixed values depend on the other heads",
    "post_norm": "a norm follows the projection; contributions are linearised with the captured scale, and a factor "
    "common to all heads of a layer is cancelled",
    "multiplier": "the projection's output is multiplied before it is added; the factor is part of what a head writes",
    "post_ln": "the sum with the residual stream is normed, so nothing written reaches the logits unchanged",
    "scaled_stream": "later layers rescale the residual stream, so direct effects are approximate",
    "parallel": "attention and MLP of a layer read the same input, so a layer's MLP does not see its heads",
    "not_a_direct_write": "the projection's output is transformed before it reaches the residual stream",
    "looped": "the layer runs several times in a forward pass; each run counts as a layer of its own",
    "handed": "the user named the output projections and their heads; they are certified like any that are found",
    "left_out_tensors": "the checkpoint holds tensors that the network has no place for; what they did is not done",
    "merged_adapter": "a PEFT adapter was merged into the weights; figures are of the merged model",
    "shared_weights": "several layers share one projection; scales can differ between them only in a live edit",
}
"""Flags, and what each means for those who read results."""

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-8, torch.float16: 5e-3, torch.bfloat16: 3e-2}
"""Relative error that numbers may have, by what the network computes in."""

APPROXIMATE = ("scaled_stream", "not_a_direct_write")
"""Flags that make the direct effect of a head an approximation."""


@dataclass(frozen=True)
class Anatomy:
    """Every head of a model."""

    sites: tuple[HeadSite, ...]
    """One entry per attention of what writes the text, in order of layers."""
    skipped: tuple[tuple[int, str], ...] = ()
    """Layers without heads, by number and by what is there instead."""
    final_norm: tuple[str, int] | None = None
    """The norm between the residual stream and the unembedding, and which of its runs in a forward pass it is."""
    encoder: tuple[HeadSite, ...] = ()
    """One entry per attention of an encoder-decoder's encoder. Its heads write into another stream, which no
    unembedding reads: they are rescaled and exported like others, but not captured or ranked."""
    no_encoder: str = ""
    """The reason why an encoder-decoder's encoder has no heads here; empty if it has, or there is no encoder."""

    @property
    def every_site(self) -> tuple[HeadSite, ...]:
        """Those of what writes the text, and the encoder's."""
        return self.sites + self.encoder

    @property
    def heads(self) -> tuple[Head, ...]:
        """All heads that write into the stream that the unembedding reads, layer by layer."""
        return tuple(head for site in self.sites for head in site.heads)

    @property
    def n_heads(self) -> int:
        """Number of those heads."""
        return sum(site.n_heads for site in self.sites)

    @property
    def flags(self) -> dict[str, int]:
        """Number of sites that carry each flag."""
        return dict(Counter(flag for site in self.every_site for flag in site.flags))

    def site_of(self, head: Head) -> HeadSite:
        """The site that holds a head.

        Raises:
            ValueError: If the model has no such head; the text says which there are.
        """
        for site in self.every_site:
            if site.name == head.site and 0 <= head.index < site.n_heads:
                return site
        raise ValueError(f"{head} does not exist: the model has {self.summary()}")

    def summary(self) -> str:
        """Layers and heads in words, like `270 heads: layers 0-29 with 9 heads of width 64`."""
        found = f"{self.n_heads} heads: {_shapes(self.sites)}"
        of_encoder = self.no_encoder or (_shapes(self.encoder) if self.encoder else "")
        return found + (f"; encoder: {of_encoder}" if of_encoder else "")

    def summary_of_skipped(self) -> str:
        """Layers without heads in words, like `layers 0-2, 4-6 (Mamba)`; empty if there are none."""
        kinds: dict[str, list[int]] = {}
        for layer, what in self.skipped:
            kinds.setdefault(what, []).append(layer)
        return ", ".join(f"{layers_in_words(layers)} ({what})" for what, layers in kinds.items())


def _shapes(sites: Sequence[HeadSite]) -> str:
    shapes: dict[tuple[str, int, int], list[int]] = {}
    for site in sites:
        shapes.setdefault((site.kind, site.n_heads, site.d_head), []).append(site.layer)
    return ", ".join(
        f"{layers_in_words(layers)} with {n_heads} {'cross-attention ' * (kind == 'cross')}heads of width {d_head}"
        for (kind, n_heads, d_head), layers in shapes.items()
    )


def layers_in_words(numbers: list[int]) -> str:
    """Layers, such as `layers 0-3, 5`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    parts = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    return ("layers " if len(numbers) > 1 else "layer ") + ", ".join(parts)


def projection(network: nn.Module, site: HeadSite) -> nn.Module:
    """The output projection of a site."""
    return network.get_submodule(site.path)


def side_by_side(values: Tensor, site: HeadSite) -> Tensor:
    """A projection's input with all heads along the last axis, also where it takes them in groups."""
    return values.flatten(-2) if site.through else values


def check_positions(values: Tensor, expected: Sequence[int]) -> None:
    """Refuse values that are not one for each token of a batch.

    Raises:
        AnatomyError: Naming both shapes: some models work on patches of tokens, or put a prefix before them.
    """
    if values.dim() > 2 and tuple(values.shape[:2]) != tuple(expected):
        raise AnatomyError(
            f"the heads work on {tuple(values.shape[:2])} (prompts, positions) where the tokens are {tuple(expected)}; "
            "what belongs to which token cannot be told"
        )
