"""Value weights, by which heads mix what their layer reads, measured instead of read off modules by their names.

With a single token there is nothing to attend to but itself, so that a head mixes its own value: z = x V + constant for
what the attention reads, x. Unit vectors in the place of x give V, whatever the modules are called, fused or grouped.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headpursuit.models.anatomy import TOLERANCE, AnatomyError, HeadSite, is_norm, probe_input, run_probe, site_hooks
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.norms import norm_gain
from headpursuit.models.offloading import weights_at_hand
from headpursuit.models.sharding import is_sharded, whole_tensor, whole_width
from headpursuit.models.vocabulary import output_embedding

_ROWS = 256
"""Unit vectors that are read side by side."""


@torch.no_grad()
def value_weights(model: LanguageModel) -> dict[HeadSite, Float[Tensor, "n_heads d_model d_head"]]:
    """V of every head of the sites where it can be found, float32: from the residual stream to mixed values.

    A norm before the attention is folded in with its scale held fixed: V = diag(gain) V', less the mean where the norm
    subtracts one. Heads that share values (grouped queries) have equal V. Biases are left out.

    A site is left out where the map does not prove to be linear (values that are normed or gated), where no module
    around the output projection mixes tokens, for cross-attention, and for layers that run several times.

    Raises:
        AnatomyError: If the heads cannot be found or certified.
    """
    if is_sharded(model.network) or model.network.config.is_encoder_decoder:
        return {}
    d_model = output_embedding(model).weight.shape[1]
    found: dict[HeadSite, Tensor] = {}
    wanted = [site for site in model.anatomy.sites if site.kind == "self" and not site.call]
    for depth in (1, 2):  # the projection's module, or the one around it, is the attention
        around = {site: _around(model.network, site, depth) for site in wanted if site not in found}
        entrances = {site: module for site, module in around.items() if module is not None}
        try:
            found |= _measured(model, entrances, d_model)
        except (AnatomyError, RuntimeError, TypeError, ValueError):
            continue  # what is around the projection takes something else than the stream
    return {site: found[site] for site in wanted if site in found}


@torch.no_grad()
def input_rows(model: LanguageModel, token_ids: Sequence[int]) -> Float[Tensor, "n_tokens d_model"]:
    """The input embeddings of some tokens, float32.

    Raises:
        AnatomyError: If the residual stream has another width.
    """
    module: Any = model.network.get_input_embeddings()
    with weights_at_hand(module):
        rows = whole_tensor(module.weight).detach()[list(token_ids)].float()
    d_model = output_embedding(model).weight.shape[1]
    if rows.shape[1] != d_model:
        raise AnatomyError(f"input embeddings have {rows.shape[1]} dimensions where the residual stream has {d_model}")
    return rows


def _around(network: nn.Module, site: HeadSite, depth: int) -> nn.Module | None:
    parts = site.path.split(".")[:-depth]
    return network.get_submodule(".".join(parts)) if parts and not parts[-1].isdigit() else None


def _measured(model: LanguageModel, entrances: dict[HeadSite, nn.Module], d_model: int) -> dict[HeadSite, Tensor]:
    """V of the sites whose map from an entrance proves to mix tokens and to be linear."""
    if not entrances:
        return {}
    generator = torch.Generator().manual_seed(0)
    one, other, more = torch.randn(3, 1, 2, d_model, generator=generator)
    mixes = _through(model, entrances, one)
    changed = _through(model, entrances, torch.cat([other[:, :1], one[:, 1:]], dim=1))
    sites = {s: m for s, m in entrances.items() if s in mixes and not torch.equal(mixes[s][:, -1], changed[s][:, -1])}
    tried = torch.cat([torch.zeros(1, d_model), one[:, 0], more[:, 0]])
    shown = _through(model, sites, torch.cat([tried, tried[1:2] + tried[2:]])[:, None])
    parts = [_through(model, sites, rows[:, None]) for rows in torch.eye(d_model).split(_ROWS)]
    found, tolerance = {}, TOLERANCE[model.network.dtype]
    for site, values in shown.items():
        zero, *_ = values
        weights = torch.cat([part[site] for part in parts])[:, 0] - zero
        expected = torch.cat([tried[1:], tried[1:2] + tried[2:]]).to(weights) @ weights
        off = (values[1:, 0] - zero - expected).norm() / expected.norm().clamp_min(1e-30)
        if weights.isfinite().all() and off < 10 * tolerance:
            whole = weights.unflatten(1, (site.n_heads, site.d_head)).transpose(0, 1)
            found[site] = _through_norm(_norm_before(model, site, entrances[site]), whole)
    return found


def _through_norm(norm: nn.Module | None, weights: Float[Tensor, "n_heads d_model d_head"]) -> Tensor:
    """Weights behind a norm as weights of what enters it, its scale held fixed and left out."""
    if norm is None:
        return weights
    measured = norm_gain(norm, weights.shape[1])
    weights = weights * measured.gain.to(weights)[:, None]
    return weights - weights.mean(1, keepdim=True) if measured.centres else weights


def _through(
    model: LanguageModel, entrances: dict[HeadSite, nn.Module], rows: Float[Tensor, "n_rows n_tokens d_model"]
) -> dict[HeadSite, Float[Tensor, "n_rows n_tokens width"]]:
    """Mixed values of sites when these rows stand in place of what their attention reads."""
    ids = probe_input(model.network)["input_ids"][:, :1].expand(rows.shape[:2])
    mixed: dict[HeadSite, Tensor] = {}

    def enter(site: HeadSite, values: Tensor) -> None:
        if values.dim() == 3 and values.shape[:2] == rows.shape[:2]:
            mixed[site] = whole_width(values, site.width).float()

    with _given(entrances.values(), rows), site_hooks(model.network, entrances, enter):
        run_probe(model.network, {"input_ids": ids, "attention_mask": torch.ones_like(ids)})
    return mixed


@contextmanager
def _given(modules: Sequence[nn.Module] | Any, rows: Tensor) -> Iterator[None]:
    """These rows in place of the stream that modules are given."""

    def replaced(value: Any) -> Any:
        is_stream = isinstance(value, Tensor) and value.is_floating_point() and value.shape == rows.shape
        return rows.to(value) if is_stream else value

    def enter(_: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        if args and replaced(args[0]) is not args[0]:
            return (replaced(args[0]), *args[1:]), named
        name = next((n for n, value in named.items() if replaced(value) is not value), None)
        if name is None:
            raise AnatomyError("an attention is given no residual stream")
        return args, named | {name: replaced(named[name])}

    with ExitStack() as stack:
        for module in dict.fromkeys(modules):
            stack.callback(module.register_forward_pre_hook(enter, with_kwargs=True).remove)
        yield


def _norm_before(model: LanguageModel, site: HeadSite, entrance: nn.Module) -> nn.Module | None:
    """The norm of an attention's own layer whose output it reads; None if it reads the stream itself."""
    layer = re.match(r".*?\.\d+\.", site.path)
    outputs: dict[int, nn.Module] = {}
    kept: list[Tensor] = []  # so that no other tensor takes the place of one
    read: list[nn.Module | None] = []

    def left(norm: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            outputs[id(output)] = norm
            kept.append(output)

    def entered(_: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        read.extend(outputs[id(value)] for value in (*args, *named.values()) if id(value) in outputs)

    with ExitStack() as stack:
        for name, module in model.network.named_modules():
            if is_norm(module) and layer and name.startswith(layer[0]):
                stack.callback(module.register_forward_hook(left).remove)
        stack.callback(entrance.register_forward_pre_hook(entered, with_kwargs=True).remove)
        run_probe(model.network, probe_input(model.network))
    return read[0] if read else None
