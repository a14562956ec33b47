"""Move the residual stream along a direction, or take it out, while a block of code runs."""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from headpursuit.models.anatomy import AnatomyError, decoder_layers
from headpursuit.models.certified import certified
from headpursuit.models.compiled import uncompiled
from headpursuit.models.language_model import GivenModel, LanguageModel, network_of
from headpursuit.models.stream import stream_in


@contextmanager
def steer(
    model: GivenModel,
    direction: Tensor | np.ndarray,
    *,
    layer: int | None = None,
    strength: float = 1.0,
    ablate: bool = False,
) -> Iterator[None]:
    """Steer in every forward pass inside the block: in `forward`, and in `generate` with cache and batches.

    With u the unit vector of `direction` d, a stream h that leaves a layer becomes

    - h + `strength` d, after `layer` alone; or
    - h - `strength` (h·u) u, with `ablate`, after `layer`, or after every layer if none is given.

    All tokens are steered. Afterwards the model is as it was, also after an error. It nests with `rescale`, and with
    itself. It is here to be compared with: an edit of heads says where the concept is written, a direction does not.

    Args:
        model: What `load` returned, or a transformers model (compiled or not).
        direction: A vector as wide as the stream, such as a row of `difference_of_means`.
        layer: The decoder layer, from zero, whose output is steered.
        strength: How far; negative to suppress what the direction points to. With `ablate`, 1 removes it.
        ablate: Take the direction out in place of adding it.

    Raises:
        TypeError: If the model is none.
        ValueError: If there is no such layer, the direction is no vector as wide as the stream, is zero or not finite,
            or a direction is to be added nowhere; nothing is changed then.
        AnatomyError: If the layers cannot be found.

    Source: difference-in-means steering as in AxBench (arXiv 2501.17148); directional ablation of Arditi et al. (arXiv
    2406.11717), there of every write into the stream, here of what leaves each layer.
    """
    network = network_of(model.network if isinstance(model, LanguageModel) else model)
    anatomy = model.anatomy if isinstance(model, LanguageModel) else certified(network)[0]
    layers, _ = decoder_layers(network, anatomy.sites)
    if layer is None and not ablate:
        raise ValueError("a direction is added to what leaves one layer; give `layer`, or `ablate=True`")
    if layer is not None and not 0 <= layer < len(layers):
        raise ValueError(f"layer {layer} does not exist: the model has layers 0-{len(layers) - 1}")
    if not math.isfinite(strength):
        raise ValueError(f"the strength is {strength}; give a finite number")
    vector = _vector(direction, _width(network))
    change = _ablating(vector, strength) if ablate else _adding(vector, strength)
    with ExitStack() as stack:
        stack.enter_context(uncompiled())
        for module in layers if layer is None else (layers[layer],):
            stack.callback(module.register_forward_hook(change).remove)
        yield


def _vector(direction: Tensor | np.ndarray, width: int) -> Tensor:
    vector = torch.as_tensor(direction).detach().float()
    if vector.shape != (width,):
        raise ValueError(f"the direction has shape {tuple(vector.shape)}, and the stream is {width} wide; give one row")
    if not vector.isfinite().all() or not vector.any():
        raise ValueError("the direction is zero or not finite; it must point somewhere")
    return vector


def _width(network: Any) -> int:
    """The width of the residual stream."""
    width = getattr(network.config.get_text_config(decoder=True), "hidden_size", None)
    if not isinstance(width, int):
        raise AnatomyError("its config does not say how wide the residual stream is")
    return width


_Hook = Callable[[nn.Module, Any, Any], Any]


def _adding(vector: Tensor, strength: float) -> _Hook:
    def add(_: nn.Module, __: Any, output: Any) -> Any:
        stream = stream_in(output)
        return _with_stream(output, stream + (strength * vector).to(stream))

    return add


def _ablating(vector: Tensor, strength: float) -> _Hook:
    unit = vector / vector.norm()

    def ablate(_: nn.Module, __: Any, output: Any) -> Any:
        stream = stream_in(output)
        along = unit.to(stream)
        return _with_stream(output, stream - strength * (stream @ along)[..., None] * along)

    return ablate


def _with_stream(output: Any, stream: Tensor) -> Any:
    return (stream, *output[1:]) if isinstance(output, tuple) else stream
