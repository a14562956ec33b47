"""Answers to prompts, whole or told as they grow, and how likely a text is."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import GenerationMixin
from transformers.generation.streamers import BaseStreamer

from headpursuit.media import GivenPrompts, Prompt, prompts_of
from headpursuit.models.batches import Batch, batches, followed_by
from headpursuit.models.decoding import Decoding
from headpursuit.models.framing import tell_of_frames
from headpursuit.models.generating import plainly_greedy
from headpursuit.models.language_model import GivenModel, LanguageModel, model_of
from headpursuit.models.senses import HEARING
from headpursuit.models.senses.positions import placeholder_ids
from headpursuit.models.sharding import whole_tensor
from headpursuit.settings import Chat


@torch.no_grad()
def continue_batch(model: LanguageModel, batch: Batch, max_new_tokens: int, decoding: Decoding | None = None) -> Batch:
    """Answer, greedily if not told otherwise; the batch with the answers behind it, masked after the end of each."""
    decoding = decoding or Decoding()
    with decoding.seeded(batch.indices[0]):
        output = _generated(model, batch, max_new_tokens, **decoding.options(batch.indices, batch.input_ids.shape[1]))
    new = output[:, batch.input_ids.shape[1] :]
    ends = torch.isin(new, torch.tensor(end_ids(model), device=new.device))
    running = ends.cumsum(1) == 0
    # Read again, an image's token in the answer would be taken for a place of the image.
    return followed_by(model, batch, new * running if batch.media else new, running)


def _generated(model: LanguageModel, batch: Batch, max_new_tokens: int, **options: Any) -> Tensor:
    network: Any = model.network
    pad = model.tokenizer.pad_token_id or 0
    # Encoders that hear have a `generate` of their own, which cuts sound up and takes no start of the answer.
    whole = model.encoder_sense is HEARING
    generate: Any = partial(GenerationMixin.generate, network) if whole else network.generate
    with plainly_greedy(network):
        found: Tensor = generate(**batch.given, max_new_tokens=max_new_tokens, pad_token_id=pad, **options)
    return found


def end_ids(model: LanguageModel) -> list[int]:
    """Tokens that end an answer: the model's own, padding, and those of images and sounds, which no text can hold."""
    end = model.network.generation_config.eos_token_id
    ends = list(end) if isinstance(end, list | tuple) else [end]
    return [i for i in [*ends, model.tokenizer.pad_token_id, *placeholder_ids(model.network)] if i is not None]


def answer(
    model: GivenModel,
    prompts: GivenPrompts,
    *,
    max_new_tokens: int = 12,
    batch_size: int = 64,
    chat: Chat | bool = False,
    progress: Callable[[int, int], None] | None = None,
    tokenizer: Any = None,
    decoding: Decoding | None = None,
) -> list[str]:
    """Answers, greedy if not told otherwise, without special tokens, in the order of the prompts.

    Args:
        model: What `load` returned, or a transformers model with its tokenizer.
        prompts: Texts, texts with an image, and sounds; one alone is one prompt.
        max_new_tokens: Length of the answers.
        batch_size: Prompts per batch.
        chat: Put each prompt into the chat template; a `Chat` also has its system prompt and settings.
        progress: Called after each batch with the prompts done and all prompts.
        tokenizer: Of a transformers model: its tokenizer, or its processor if prompts hold images or sound.
        decoding: Another way than greedily up to the answer's end.

    Raises:
        FileNotFoundError: If an image is missing.
        TypeError: If one is no prompt; the text has its number.
        ValueError: If there are no prompts, or they cannot be read (see `batches`).
    """
    model = model_of(model, tokenizer)
    found = answer_ids(
        model,
        prompts,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        chat=chat,
        progress=progress,
        decoding=decoding,
    )
    return [str(model.tokenizer.decode(list(ids), skip_special_tokens=True)) for ids in found]


def answer_ids(
    model: LanguageModel,
    prompts: GivenPrompts,
    *,
    max_new_tokens: int = 12,
    batch_size: int = 64,
    chat: Chat | bool = False,
    progress: Callable[[int, int], None] | None = None,
    decoding: Decoding | None = None,
) -> list[tuple[int, ...]]:
    """The tokens of answers, up to what ends them; arguments and errors are those of `answer`."""
    prompts = prompts_of(prompts)
    tell_of_frames(model, prompts, chat)
    answers: list[tuple[int, ...]] = [()] * len(prompts)
    done = 0
    for batch in batches(model, prompts, batch_size, chat=chat, room=max_new_tokens):
        full = continue_batch(model, batch, max_new_tokens, decoding)
        start = batch.input_ids.shape[1]
        for i, ids, mask in zip(full.indices, full.input_ids, full.attention_mask, strict=True):
            answers[i] = tuple(ids[start:][mask[start:].bool()].tolist())
        done += len(batch.indices)
        if progress:
            progress(done, len(prompts))
    return answers


@torch.no_grad()
def stream_answer(
    model: LanguageModel,
    prompt: Prompt,
    tell: Callable[[str], None],
    *,
    max_new_tokens: int = 12,
    chat: Chat | bool = False,
) -> str:
    """`answer` for one prompt, told as it grows.

    Args:
        model: The model.
        prompt: A text, which may have an image or a sound beside it.
        tell: Called after each token with the answer so far. An error it raises ends the answer and passes through.
        max_new_tokens: Length of the answer.
        chat: Put the prompt into the chat template; a `Chat` also has its system prompt and settings.

    Returns:
        The whole answer, as `answer` gives it.

    Raises:
        FileNotFoundError: If the image is missing.
        ValueError: If the prompt is empty or too long, or its image cannot be read.
    """
    batch = batches(model, [prompt], 1, chat=chat, room=max_new_tokens)[0]
    heard = _Heard(model, tell)
    _generated(model, batch, max_new_tokens, streamer=heard)
    return heard.text()


class _Heard(BaseStreamer):
    """The tokens that `generate` has written so far, up to the end of the answer."""

    def __init__(self, model: LanguageModel, tell: Callable[[str], None]) -> None:
        self._model, self._tell = model, tell
        self._ends = frozenset(end_ids(model))
        self._ids: list[int] | None = None
        self._ended = False

    def put(self, value: Tensor) -> None:
        """Take tokens; the first ones are the prompt's."""
        if self._ids is None:
            self._ids = []
            return
        for token_id in value.flatten().tolist():
            self._ended = self._ended or token_id in self._ends
            if not self._ended:
                self._ids.append(token_id)
        if not self._ended:
            # A character of several tokens is not there before the last of them.
            self._tell(self.text().rstrip("\ufffd"))

    def end(self) -> None:
        """Nothing is kept back that could be told now."""

    def text(self) -> str:
        """The answer so far, without special tokens."""
        return str(self._model.tokenizer.decode(self._ids or [], skip_special_tokens=True))


@torch.no_grad()
def read_logits(model: LanguageModel, batch: Batch, **options: Any) -> Float[Tensor, "n_prompts n_read vocab"]:
    """One forward pass over a batch, without cache; options go to the network."""
    if model.has_encoder:  # its decoder gives logits of all positions, whatever it is asked for
        kept = options.pop("logits_to_keep", 0)
        # A network that is told to use no cache drops the one with keys and values read ahead.
        return whole_tensor(model.network(**batch.inputs, use_cache=bool(batch.crossed), **options).logits)[:, -kept:]
    return whole_tensor(model.network(**batch.inputs, use_cache=False, **options).logits)


def log_probabilities(
    model: LanguageModel, texts: GivenPrompts, batch_size: int = 8
) -> Iterator[tuple[Float[Tensor, "n_predictions vocab"], Int[Tensor, " n_predictions"]]]:
    """Log-probabilities of every next token of the texts, a batch at a time, and which token came."""
    for batch in batches(model, texts, batch_size):
        logits = read_logits(model, batch)
        real = (batch.attention_mask[:, 1:] * batch.attention_mask[:, :-1]).bool()
        yield logits[:, :-1][real].float().log_softmax(-1), batch.input_ids[:, 1:][real]
