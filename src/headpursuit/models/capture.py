"""Read every head's mixed values while the model reads prompts or its own answers."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from headpursuit.models.anatomy import projection
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.text import Batch, batches, continue_batch

Positions = Literal["last", "prompt", "generated", "all"]


@dataclass(frozen=True)
class MixedBatch:
    """The mixed values of one batch of prompts, at the positions asked for."""

    mixed: dict[int, Float[Tensor, "n_samples n_heads d_head"]]
    """By layer; in the network's dtype."""
    prompt_of: tuple[int, ...]
    """Number of the prompt that each sample belongs to."""
    n_prompts: int


def read_mixed(
    model: LanguageModel,
    prompts: Sequence[str],
    positions: Positions = "last",
    *,
    batch_size: int = 32,
    chat: bool = False,
    max_new_tokens: int = 16,
) -> Iterator[MixedBatch]:
    """Capture batch by batch.

    Args:
        model: The model.
        prompts: The texts.
        positions: `last`: each prompt's last token. `prompt`: all its tokens. `generated`: the tokens of the model's
            greedy answer. `all`: both.
        batch_size: Prompts per batch.
        chat: Put each prompt into the chat template.
        max_new_tokens: Length of the answers, where they are captured.

    Raises:
        ValueError: Unknown positions, or prompts that cannot be read (see `batches`); before the model runs.

    An answer is captured by reading prompt and answer again in one pass, which gives every answer token the mixed
    values it had while the model answered, and leaves out what is padding behind an answer's end.
    """
    if positions not in get_args(Positions):
        raise ValueError(f"unknown positions {positions!r}; choose {', '.join(get_args(Positions))}")
    answering = positions in ("generated", "all")
    room = max_new_tokens if answering else 0
    for batch in batches(model, prompts, batch_size, chat=chat, room=room):
        full = continue_batch(model, batch, max_new_tokens) if answering else batch
        chosen = _chosen(full, positions, batch.input_ids.shape[1])
        rows = chosen.nonzero()[:, 0].tolist()
        yield MixedBatch(_forward(model, full, chosen), tuple(batch.indices[row] for row in rows), len(batch.indices))


def _chosen(batch: Batch, positions: Positions, prompt_length: int) -> Bool[Tensor, "n_prompts n_tokens"]:
    chosen = batch.attention_mask.bool().clone()
    if positions == "last":
        chosen[:, :-1] = False
    if positions == "generated":
        chosen[:, :prompt_length] = False
    return chosen


@torch.no_grad()
def _forward(
    model: LanguageModel, batch: Batch, chosen: Bool[Tensor, "n_prompts n_tokens"]
) -> dict[int, Float[Tensor, "n_samples n_heads d_head"]]:
    mixed: dict[int, Tensor] = {}
    with ExitStack() as stack:
        for site in model.anatomy.sites:

            def keep(_: Any, args: tuple[Any, ...], site: Any = site) -> None:
                mixed[site.layer] = args[0][chosen.to(args[0].device)].unflatten(-1, (site.n_heads, site.d_head))

            handle = projection(model.network, site).register_forward_pre_hook(keep)
            stack.callback(handle.remove)
        # The decoder alone: what the unembedding says about every position is not needed.
        model.network.base_model(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            position_ids=batch.position_ids,
            use_cache=False,
        )
    return mixed
