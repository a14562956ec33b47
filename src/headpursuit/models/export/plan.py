"""Columns of output projections that an edit multiplies, and whether a format can hold that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from headpursuit.heads import Edit
from headpursuit.models.anatomy import Anatomy, HeadSite
from headpursuit.models.sharding import is_sharded

Format = Literal["weights", "ia3", "lora", "gguf", "gguf-lora"]
"""A plain checkpoint, one of two kinds of PEFT adapter, a GGUF file, or a LoRA for one."""

_PLAIN = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
"""Dtypes whose values are the weights themselves; everything else is packed or needs a scale beside it."""


@dataclass(frozen=True, eq=False)
class ScaledProjection:
    """One output projection, and what each column of its input is multiplied by."""

    path: str
    """Name of the projection within the network."""
    factors: Float[Tensor, " width"]
    """1 outside the edited heads."""

    @property
    def columns(self) -> Int[Tensor, " n_scaled"]:
        """The columns that are multiplied by something else than 1."""
        return (self.factors != 1).nonzero()[:, 0]


def plan(network: PreTrainedModel, anatomy: Anatomy, edit: Edit, form: Format) -> tuple[ScaledProjection, ...]:
    """Turn an edit into factors for the columns of projections; nothing is changed.

    Args:
        network: The network.
        anatomy: Where its heads are.
        edit: Heads and scales.
        form: What the edit shall become.

    Raises:
        ValueError: If the edit changes nothing, names a head that is not there, acts on some positions only, treats
            one weight in two ways, or the network's projections are such that the format cannot hold it.
    """
    if form not in get_args(Format):
        raise ValueError(f"unknown format {form!r}; choose {', '.join(get_args(Format))}")
    if edit.scope != "all":
        raise ValueError(
            f"an edit of scope {edit.scope!r} cannot be exported: weights and adapters act at every position; "
            "export an edit of scope 'all', or use rescale"
        )
    if is_sharded(network):
        raise ValueError("a model that several processes share cannot be exported; load it in one process")
    factors = _factors(anatomy, edit)
    grouped = next((site for site, values in factors.items() if site.through and (values != 1).any()), None)
    if grouped is not None:
        raise ValueError(f"{grouped.path} takes its heads in groups, which no format can hold yet; use rescale")
    scaled = _by_projection(factors)
    if not scaled:
        raise ValueError("the edit changes nothing: it names no head, or every scale is 1; give a head another scale")
    for one in scaled:
        _check_module(network.get_submodule(one.path), one, form)
    if form != "ia3":
        _check_shared(network, scaled, form)
    if form == "weights":
        _check_plain(network)
    return scaled


def _factors(anatomy: Anatomy, edit: Edit) -> dict[HeadSite, Tensor]:
    """For every site, also those that are not edited."""
    factors = {site: torch.ones(site.n_heads * site.d_head) for site in anatomy.every_site}
    for head, scale in edit.items():
        site = anatomy.site_of(head)
        factors[site][site.slice_of(head.index)] = scale
    return factors


def _by_projection(factors: dict[HeadSite, Tensor]) -> tuple[ScaledProjection, ...]:
    """One entry per projection that is scaled; one that runs several times must be scaled alike each time."""
    found: dict[str, tuple[HeadSite, Tensor]] = {}
    for site, values in factors.items():
        first, expected = found.setdefault(site.path, (site, values))
        if not torch.equal(expected, values):
            raise ValueError(
                f"{first.name} and {site.name} are runs of one projection, {site.path}, but the edit scales them "
                f"differently; scale the heads of {first.name} and {site.name} alike, or use rescale"
            )
    return tuple(ScaledProjection(path, values) for path, (_, values) in found.items() if (values != 1).any())


def check_in_range(values: Tensor, one: ScaledProjection) -> Tensor:
    """Refuse scaled values that their dtype cannot hold; exported, they would be infinite.

    Raises:
        ValueError: Naming the projection, the scale and the dtype.
    """
    if values.isfinite().all():
        return values
    scale = max(one.factors.tolist(), key=abs)
    raise ValueError(
        f"scaled by {scale:g}, {one.path} overflows {str(values.dtype).removeprefix('torch.')}, which ends at "
        f"{torch.finfo(values.dtype).max:,.0f}; scale less, or export with `dtype=bfloat16` or float32"
    )


def input_axis(module: nn.Module) -> int:
    """The axis of a projection's weight that its input runs along."""
    return 0 if isinstance(module, Conv1D) else 1


def _check_module(module: nn.Module, one: ScaledProjection, form: Format) -> None:
    kind, weight = type(module).__name__, getattr(module, "weight", None)
    if not isinstance(module, nn.Linear | Conv1D) or not isinstance(weight, Tensor):
        raise ValueError(f"{one.path} is a {kind}; only Linear and Conv1D projections can be exported, use rescale")
    if form == "ia3":
        return
    if weight.dtype not in _PLAIN or weight.dim() != 2 or weight.shape[input_axis(module)] != len(one.factors):
        raise ValueError(
            f"{one.path} is quantised ({kind}, {str(weight.dtype).removeprefix('torch.')}), so its columns cannot be "
            f"read as format {form!r} needs; use format 'ia3', which scales the projection's input"
        )


def _check_shared(network: nn.Module, scaled: Sequence[ScaledProjection], form: Format) -> None:
    """One weight can only be scaled in one way, wherever it is used."""
    factors = {one.path: one.factors for one in scaled}
    for one in scaled:
        weight = network.get_submodule(one.path).weight
        for path, module in network.named_modules():
            if path == one.path or getattr(module, "weight", None) is not weight:
                continue
            if path not in factors or not torch.equal(factors[path], one.factors):
                raise ValueError(
                    f"{one.path} and {path} share one weight, but the edit scales them differently; "
                    f"scale both alike, or use another format than {form!r}"
                    + (", such as 'ia3'" if form == "weights" else "")
                )


def _check_plain(network: PreTrainedModel) -> None:
    """A checkpoint of a quantised network would be neither plain nor exact."""
    config = getattr(network.config, "quantization_config", None)
    packed = next((name for name, p in network.named_parameters() if p.dtype not in _PLAIN), None)
    method = _method(config)
    if packed is None and (config is None or method == "gguf"):  # what came from GGUF is dequantised
        return
    raise ValueError(
        f"the model is quantised ({method or packed}), so format 'weights' cannot write it as a plain checkpoint; "
        "use format 'ia3', or load the model unquantised"
    )


def _method(config: object) -> str:
    found = config.get("quant_method") if isinstance(config, dict) else getattr(config, "quant_method", None)
    return str(getattr(found, "value", found) or "")
