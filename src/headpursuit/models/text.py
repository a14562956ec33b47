"""Prompts in, token batches out; answers; and how likely a text is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headpursuit.models.generating import plainly_greedy
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.sharding import whole_tensor


@dataclass(frozen=True)
class Batch:
    """Prompts side by side, padded on the left."""

    indices: tuple[int, ...]
    """Which prompts."""
    input_ids: Int[Tensor, "n_prompts n_tokens"]
    attention_mask: Int[Tensor, "n_prompts n_tokens"]

    @property
    def position_ids(self) -> Int[Tensor, "n_prompts n_tokens"]:
        """Positions counted from each prompt's first token, which left padding would otherwise shift."""
        return (self.attention_mask.cumsum(1) - 1).clamp_min(0)

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What a forward pass is given; a model numbers positions itself where nothing shifts them."""
        given = {"input_ids": self.input_ids, "attention_mask": self.attention_mask}
        return given if self.attention_mask[:, 0].all() else given | {"position_ids": self.position_ids}


def batches(
    model: LanguageModel, prompts: Sequence[str], batch_size: int, *, chat: bool = False, room: int = 0, first: int = 0
) -> list[Batch]:
    """Tokenize prompts and batch those of similar length.

    Args:
        model: The model.
        prompts: The texts.
        batch_size: Prompts per batch.
        chat: Put each prompt as a user's message into the model's chat template.
        room: Tokens that must still fit into the context behind each prompt.
        first: Number of the first prompt, where these are some of many.

    Raises:
        ValueError: No prompts, an empty prompt, a prompt longer than the context, or no chat template.
    """
    if not prompts:
        raise ValueError("there are no prompts")
    if batch_size < 1:
        raise ValueError(f"the batch size is {batch_size}; it must be at least 1")
    ids = [_encode(model, first + i, prompt, chat) for i, prompt in enumerate(prompts)]
    context = context_length(model)
    for i, tokens in enumerate(ids):
        if len(tokens) + room > context:
            extra = f" and {room} new ones" if room else ""
            raise ValueError(
                f"prompt {first + i + 1} takes {len(tokens)} tokens{extra}, but the context holds {context}"
            )
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    groups = [order]
    if not model.certificate.padding:  # then only prompts of one length go together
        groups = [list(group) for _, group in groupby(order, key=lambda i: len(ids[i]))]
    parts = [group[i : i + batch_size] for group in groups for i in range(0, len(group), batch_size)]
    return [_pad(model, part, ids, first) for part in parts]


def context_length(model: LanguageModel) -> int:
    """Tokens the model can read at once; unlimited where its config names no limit."""
    config = model.network.config.get_text_config(decoder=True)
    return getattr(config, "max_position_embeddings", None) or 2**31


def _encode(model: LanguageModel, number: int, prompt: str, chat: bool) -> list[int]:
    if chat:
        if model.tokenizer.chat_template is None:
            raise ValueError(f"the tokenizer of {model.name or 'this model'} has no chat template; leave --chat out")
        message = [{"role": "user", "content": prompt}]
        text = model.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
        ids = model.tokenizer.encode(text, add_special_tokens=False)
    else:
        ids = _without_end(model, prompt)
    if not ids or not prompt.strip():
        raise ValueError(f"prompt {number + 1} is empty")
    rows = embedding_rows(model)
    if max(ids) >= rows:
        raise ValueError(
            f"prompt {number + 1} has token {max(ids)}, but the model embeds {rows} tokens; "
            "the tokenizer is another model's"
        )
    return ids


def _without_end(model: LanguageModel, prompt: str) -> list[int]:
    """A prompt's tokens with what the tokenizer puts before it, but without the end token that some put behind it."""
    ids = model.tokenizer.encode(prompt)
    plain = model.tokenizer.encode(prompt, add_special_tokens=False)
    special = set(model.tokenizer.all_special_ids)
    while len(ids) > len(plain) and ids[-1] in special and ids[-1:] != plain[-1:]:
        ids = ids[:-1]
    return ids


def embedding_rows(model: LanguageModel) -> int:
    """How many token ids the model can read."""
    embedding: Any = model.network.get_input_embeddings()
    return embedding.weight.shape[0]


def _pad(model: LanguageModel, indices: list[int], ids: list[list[int]], first: int) -> Batch:
    longest = max(len(ids[i]) for i in indices)
    pad = model.tokenizer.pad_token_id
    if pad is None or pad >= embedding_rows(model):
        pad = 0  # masked, so any token serves
    rows = [[pad] * (longest - len(ids[i])) + ids[i] for i in indices]
    masks = [[0] * (longest - len(ids[i])) + [1] * len(ids[i]) for i in indices]
    numbers = tuple(first + i for i in indices)
    return Batch(numbers, torch.tensor(rows, device=model.device), torch.tensor(masks, device=model.device))


@torch.no_grad()
def continue_batch(model: LanguageModel, batch: Batch, max_new_tokens: int) -> Batch:
    """Answer greedily; the batch with the answers' tokens behind it, masked after the end of each answer."""
    network: Any = model.network
    with plainly_greedy(network):
        output = network.generate(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            max_new_tokens=max_new_tokens,
            pad_token_id=model.tokenizer.pad_token_id or 0,
        )
    new = output[:, batch.input_ids.shape[1] :]
    ends = torch.isin(new, torch.tensor(_end_ids(model), device=new.device))
    running = (ends.cumsum(1) == 0).to(batch.attention_mask)
    return Batch(batch.indices, output, torch.cat([batch.attention_mask, running], dim=1))


def _end_ids(model: LanguageModel) -> list[int]:
    end = model.network.generation_config.eos_token_id
    ends = list(end) if isinstance(end, list | tuple) else [end]
    return [i for i in [*ends, model.tokenizer.pad_token_id] if i is not None]


def answer(
    model: LanguageModel,
    prompts: Sequence[str],
    *,
    max_new_tokens: int = 12,
    batch_size: int = 64,
    chat: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Greedy answers, without special tokens, in the order of the prompts."""
    answers, done = [""] * len(prompts), 0
    for batch in batches(model, prompts, batch_size, chat=chat, room=max_new_tokens):
        full = continue_batch(model, batch, max_new_tokens)
        start = batch.input_ids.shape[1]
        for i, ids, mask in zip(full.indices, full.input_ids, full.attention_mask, strict=True):
            kept = ids[start:][mask[start:].bool()]
            answers[i] = str(model.tokenizer.decode(kept, skip_special_tokens=True))
        done += len(batch.indices)
        if progress:
            progress(done, len(prompts))
    return answers


@torch.no_grad()
def read_logits(model: LanguageModel, batch: Batch, **options: Any) -> Float[Tensor, "n_prompts n_read vocab"]:
    """One forward pass over a batch, without cache; options go to the network."""
    return whole_tensor(model.network(**batch.inputs, use_cache=False, **options).logits)


def log_probabilities(
    model: LanguageModel, texts: Sequence[str], batch_size: int = 8
) -> Iterator[tuple[Float[Tensor, "n_predictions vocab"], Int[Tensor, " n_predictions"]]]:
    """Log-probabilities of every next token of the texts, a batch at a time, and which token came."""
    for batch in batches(model, texts, batch_size):
        logits = read_logits(model, batch)
        real = (batch.attention_mask[:, 1:] * batch.attention_mask[:, :-1]).bool()
        yield logits[:, :-1][real].float().log_softmax(-1), batch.input_ids[:, 1:][real]
