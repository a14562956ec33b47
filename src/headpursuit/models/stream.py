"""The residual stream as it leaves each decoder layer, averaged over prompts."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headpursuit.media import GivenPrompts, prompts_of
from headpursuit.models.anatomy import AnatomyError, decoder_layers
from headpursuit.models.batches import batches
from headpursuit.models.compiled import uncompiled
from headpursuit.models.language_model import GivenModel, LanguageModel, model_of
from headpursuit.models.text import read_logits
from headpursuit.settings import Chat


def difference_of_means(
    model: GivenModel,
    prompts: GivenPrompts,
    others: GivenPrompts,
    *,
    batch_size: int = 32,
    chat: Chat | bool = False,
    tokenizer: Any = None,
) -> Float[Tensor, "n_layers d_model"]:
    """Directions of a concept, one for each layer: the mean stream over prompts with it less that over others.

    The stream is read as it leaves each decoder layer, at the last token of each prompt, where the answer begins. What
    all prompts have in common cancels; what the two sides differ in beside the concept does not, so both should be
    asked alike. `steer` takes a row.

    Args:
        model: What `load` returned, or a transformers model with its tokenizer.
        prompts: Those whose answers belong to the concept.
        others: Those whose answers do not.
        batch_size: Prompts per batch.
        chat: Put each prompt into the chat template.
        tokenizer: Of a transformers model: its tokenizer, or its processor if prompts hold images.

    Returns:
        The directions, float32 on the CPU, not normalised: subtracting one once moves one mean to the other.

    Raises:
        AnatomyError: If the layers cannot be found.
        ValueError: If there are no prompts on a side, or they cannot be read.

    Source: difference in means, or DiffMean, as in Marks and Tegmark (arXiv 2310.06824); the best direction for
    steering in AxBench (arXiv 2501.17148).
    """
    found = model_of(model, tokenizer)
    means = (_mean_stream(found, side, batch_size, chat) for side in (prompts, others))
    return next(means) - next(means)


@torch.no_grad()
def _mean_stream(
    model: LanguageModel, given: GivenPrompts, batch_size: int, chat: Chat | bool
) -> Float[Tensor, "n_layers d_model"]:
    prompts = prompts_of(given)
    layers, _ = decoder_layers(model.network, model.anatomy.sites)
    sums: dict[int, Tensor] = {}

    def adding(number: int) -> Callable[[nn.Module, Any, Any], None]:
        def add(_: nn.Module, __: Any, output: Any) -> None:
            # Prompts are padded on the left, so the last column holds the last token of each.
            sums[number] = sums.get(number, 0) + stream_in(output)[:, -1].double().sum(0).cpu()

        return add

    with ExitStack() as stack:
        stack.enter_context(uncompiled())
        for number, layer in enumerate(layers):
            stack.callback(layer.register_forward_hook(adding(number)).remove)
        for batch in batches(model, prompts, batch_size, chat=chat):
            read_logits(model, batch)
    return torch.stack([sums[number] for number in range(len(layers))]).float() / len(prompts)


def stream_in(output: Any) -> Float[Tensor, "n_rows n_tokens d_model"]:
    """The residual stream in what a decoder layer gave out.

    Raises:
        AnatomyError: If it gave out something else.
    """
    stream = output[0] if isinstance(output, tuple) else output
    if not isinstance(stream, Tensor) or stream.dim() != 3:
        raise AnatomyError("what leaves its layers is no residual stream of rows, tokens and width")
    return stream
