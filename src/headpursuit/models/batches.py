"""Prompts in, token batches out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, TypeAlias

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache
from transformers.cache_utils import DynamicLayer

from headpursuit.conversations import Conversation
from headpursuit.files import is_blank
from headpursuit.media import GivenPrompts, MediaPrompt, prompts_of
from headpursuit.models.framing import Framing
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.media_batches import beginning_of, check_media, read_media, size_of
from headpursuit.models.senses.positions import numbers_positions, placeholder_ids, with_answers
from headpursuit.models.starting import start_ids
from headpursuit.settings import Chat

CrossedRow: TypeAlias = tuple[tuple[Tensor, Tensor], ...]
"""For each layer, keys and values (n_heads, n_source, d_head) of cross-attention."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Prompts side by side, padded on the left; of an encoder-decoder, what its decoder is given."""

    indices: tuple[int, ...]
    """Numbers of its prompts."""
    input_ids: Int[Tensor, "n_prompts n_tokens"]
    attention_mask: Int[Tensor, "n_prompts n_tokens"]
    source: Mapping[str, Any] = field(default_factory=dict)
    """Inputs of an encoder-decoder's encoder, padded on the right if they are text, or what it made of them; the tokens
    are its decoder's then, and begin with a start that nobody wrote."""
    media: Mapping[str, Tensor] = field(default_factory=dict)
    """The model's other inputs about images and sounds: pixels, their layout, and which tokens are theirs."""
    numbers_positions: bool = False
    """True if the model works out positions from where the images are."""
    keys: Mapping[int, bytes] = field(default_factory=dict)
    """For each prompt's number, what tells it from all else, once the encoder has done its part."""
    crossed: tuple[CrossedRow, ...] = ()
    """For each prompt and layer, the keys and values that cross-attention makes of what the encoder gave; none where
    that is computed in every pass."""

    @property
    def position_ids(self) -> Int[Tensor, "n_prompts n_tokens"]:
        """Positions counted from each prompt's first token, which left padding would otherwise shift."""
        return (self.attention_mask.cumsum(1) - 1).clamp_min(0)

    @property
    def given(self) -> dict[str, Any]:
        """The inputs of `generate`."""
        if self.source:  # nothing is masked in front of what the decoder writes
            ahead = {"past_key_values": _cache(self.crossed)} if self.crossed else {}
            return {"decoder_input_ids": self.input_ids, **self.source, **ahead}
        return {"input_ids": self.input_ids, "attention_mask": self.attention_mask, **self.media}

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs of a forward pass; a model numbers positions itself where nothing shifts them."""
        if self.source or self.numbers_positions or self.attention_mask[:, 0].all():
            return self.given
        return self.given | {"position_ids": self.position_ids}


def _cache(crossed: Sequence[CrossedRow]) -> EncoderDecoderCache:
    """A cache in which cross-attention finds its keys and values, and nothing is written yet."""
    alike, found = all(row is crossed[0] for row in crossed), DynamicCache()
    for pairs in zip(*crossed, strict=True):
        keys, values = (_together(rows, alike) for rows in zip(*pairs, strict=True))
        layer = DynamicLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
        found.layers.append(layer)
    return EncoderDecoderCache(DynamicCache(), found)


def _together(rows: Sequence[Tensor], alike: bool) -> Tensor:
    """Rows side by side; those that are one are not copied."""
    return rows[0].expand(len(rows), *rows[0].shape) if alike else torch.stack(list(rows))


class Batches:
    """Batches that are made when they are asked for: images and sounds are opened then, and none are kept.

    No `Sequence`: checks of types look at a random item of one, which would open its images out of turn.
    """

    def __init__(self, makers: Sequence[Callable[[], Batch]]) -> None:
        self._makers = makers

    def __len__(self) -> int:
        return len(self._makers)

    def __getitem__(self, number: int) -> Batch:
        return self._makers[number]()

    def __iter__(self) -> Iterator[Batch]:
        return (make() for make in self._makers)


def batches(
    model: LanguageModel,
    prompts: GivenPrompts,
    batch_size: int,
    *,
    chat: Chat | bool = False,
    room: int = 0,
    first: int = 0,
    times: int = 1,
) -> Batches:
    """Tokenize prompts and batch those of similar length; prompts of a modality go with others of their kind.

    Images and sounds are looked at before anything runs, but opened only when their batch is taken.

    Args:
        model: The model.
        prompts: Texts, texts with an image, and sounds.
        batch_size: Rows per batch.
        chat: Put each prompt as a user's message into the model's chat template; a `Chat` also has its system prompt
            and settings. Special tokens that the tokenizer or the template writes anyway stand there once.
        room: Tokens that must still fit into the context behind each prompt.
        first: Number of the first prompt, where these are some of many.
        times: Rows of each prompt, side by side, each with its number; a batch size of as many times some has all of a
            prompt in one batch.

    Raises:
        FileNotFoundError: If an image or a sound is missing.
        TypeError: If one is no prompt; the text has its number.
        ValueError: No prompts, an empty prompt, a prompt longer than the context, no chat template; or an image or a
            sound that cannot be read, a text that does not say where it goes, or a model that reads none.
    """
    prompts = prompts_of(prompts)
    if batch_size < 1:
        raise ValueError(f"the batch size is {batch_size}; it must be at least 1")
    frame = Framing.of(model, chat)
    media = {i: prompt for i, prompt in enumerate(prompts) if isinstance(prompt, MediaPrompt)}
    ids = {
        i: encode(frame, first + i, prompt) for i, prompt in enumerate(prompts) if not isinstance(prompt, MediaPrompt)
    }
    check_media(frame, {first + i: prompt for i, prompt in media.items()})
    for i, tokens in ids.items():
        check_length(model, first + i, len(tokens), 0 if model.has_encoder else room)
    makers: list[Callable[[], Batch]] = []
    for part in _parts(model, {i: (len(tokens),) for i, tokens in ids.items()}, batch_size, times):
        makers.append(lambda part=part: _pad(model, part, ids, first, room))  # type: ignore[misc]
    for sense in model.senses:
        sizes = {i: size_of(frame, prompt) for i, prompt in media.items() if prompt.modality is sense.modality}
        for part in _parts(model, sizes, batch_size, times):
            makers.append(lambda part=part: _open(frame, part, media, first, room))  # type: ignore[misc]
    return Batches(makers)


def _parts(model: LanguageModel, sizes: Mapping[int, tuple[int, ...]], batch_size: int, times: int) -> list[list[int]]:
    """Numbers of prompts that share a batch, by what their length depends on."""
    order = [i for i in sorted(sizes, key=lambda i: sizes[i]) for _ in range(times)]
    groups = [order]
    if sizes and not model.certificate.padding:  # then only prompts of one length go together
        groups = [list(group) for _, group in groupby(order, key=lambda i: sizes[i])]
    elif model.encoder_sense is not None:  # what a decoder begins with is not padded
        groups = [list(group) for _, group in groupby(order, key=lambda i: sizes[i][0])]
    return [group[i : i + batch_size] for group in groups for i in range(0, len(group), batch_size)]


def context_length(model: LanguageModel) -> int:
    """Tokens the model can read at once; unlimited where its config names no limit."""
    config = model.network.config.get_text_config(decoder=True)
    names = ("max_position_embeddings", "max_target_positions")  # the latter of models that hear
    return next((n for name in names if (n := getattr(config, name, None))), 2**31)


def check_length(model: LanguageModel, number: int, n_tokens: int, room: int) -> None:
    """Refuse a prompt that does not fit into the context."""
    context = context_length(model)
    if n_tokens + room > context:
        extra = f" and {room} new ones" if room else ""
        raise ValueError(f"prompt {number + 1} takes {n_tokens} tokens{extra}, but the context holds {context}")


def encode(frame: Framing, number: int, prompt: str | Conversation) -> list[int]:
    """The tokens of a text, or of a conversation in its template.

    Raises:
        ValueError: If it is empty, has a token that the model lacks or a place for an image, cannot be put into a
            chat template, or has to be.
    """
    if isinstance(prompt, Conversation) and frame.chat is None:
        raise ValueError(
            f"prompt {number + 1} is a conversation, which only the chat template can write; give `chat=True`"
        )
    said = str(prompt)
    if is_blank(said):
        raise ValueError(f"prompt {number + 1} is empty; write it, or leave it out")
    try:
        model, text = frame.model, frame.text(prompt)
        if model.encoder_sense is not None:
            sense = model.encoder_sense
            raise ValueError(
                f"it is text, but {model.name or 'this model'} {sense.verb}; give {sense.modality.many} "
                f"({sense.modality.column})"
            )
    except ValueError as error:
        raise ValueError(f"prompt {number + 1}: {error}") from error
    if model.has_encoder:
        ids = model.tokenizer.encode(text, add_special_tokens=frame.adds_special(text))
    elif frame.adds_special(text):
        ids = _without_end(model, text)
    else:
        ids = model.tokenizer.encode(text, add_special_tokens=False)
    for sense in model.senses:
        place = sense.told_placeholder(model.processor)
        if place and place in said:
            raise ValueError(
                f"prompt {number + 1} has a place for {sense.article}, {place}, but no {sense.modality.noun}; name one "
                f"({sense.modality.column}), or take the place out"
            )
    if not ids:
        raise ValueError(f"prompt {number + 1} is empty; write it, or leave it out")
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
    """Number of token ids that the model can read."""
    embedding: Any = model.network.get_input_embeddings()
    return embedding.weight.shape[0]


def _pad(model: LanguageModel, indices: list[int], ids: dict[int, list[int]], first: int, room: int) -> Batch:
    longest = max(len(ids[i]) for i in indices)
    pad = model.tokenizer.pad_token_id
    if pad is None or pad >= embedding_rows(model):
        pad = 0  # masked, so any token serves
    numbers, gaps = tuple(first + i for i in indices), [longest - len(ids[i]) for i in indices]
    if model.has_encoder:
        rows = [ids[i] + [pad] * gap for i, gap in zip(indices, gaps, strict=True)]
        masks = [[1] * len(ids[i]) + [0] * gap for i, gap in zip(indices, gaps, strict=True)]
        source = {"input_ids": torch.tensor(rows), "attention_mask": torch.tensor(masks)}
        return _begun(model, numbers, {name: value.to(model.device) for name, value in source.items()}, room)
    rows = [[pad] * gap + ids[i] for i, gap in zip(indices, gaps, strict=True)]
    masks = [[0] * gap + [1] * len(ids[i]) for i, gap in zip(indices, gaps, strict=True)]
    return Batch(numbers, torch.tensor(rows, device=model.device), torch.tensor(masks, device=model.device))


def _begun(
    model: LanguageModel,
    numbers: tuple[int, ...],
    source: dict[str, Tensor],
    room: int,
    beginnings: Sequence[list[int]] = (),
) -> Batch:
    """A batch of an encoder's inputs and of the beginning of the decoder's answers."""
    start = start_ids(model, source, len(numbers), beginnings)
    check_length(model, numbers[0], start.shape[1], room)
    return Batch(numbers, start, torch.ones_like(start), source)


def _open(frame: Framing, indices: list[int], prompts: dict[int, MediaPrompt], first: int, room: int) -> Batch:
    """Open what some prompts are about, and make what the model is given."""
    numbers, model = tuple(first + i for i in indices), frame.model
    given = read_media(frame, [(first + i, prompts[i]) for i in indices])
    if model.encoder_sense is not None:
        return _begun(model, numbers, given, room, [beginning_of(frame, prompts[i]) for i in indices])
    if model.has_encoder:
        return _begun(model, numbers, given, room)
    ids, mask = given.pop("input_ids"), given.pop("attention_mask")
    for number, n_tokens in zip(numbers, mask.sum(1).tolist(), strict=True):
        check_length(model, number, n_tokens, room)
    # With rotary positions for height and width, a model counts from where the images are.
    return Batch(numbers, ids, mask, media=given, numbers_positions=numbers_positions(model.network))


def followed_by(
    model: LanguageModel,
    batch: Batch,
    new: Int[Tensor, "n_prompts n_new"],
    read: Bool[Tensor, "n_prompts n_new"] | Int[Tensor, "n_prompts n_new"],
) -> Batch:
    """A batch with tokens behind its prompts, of which those are masked that are not to be read."""
    found = replace(
        batch,
        input_ids=torch.cat([batch.input_ids, new], dim=1),
        attention_mask=torch.cat([batch.attention_mask, read.to(batch.attention_mask)], dim=1),
    )
    if not batch.media:
        return found
    of_media = torch.isin(batch.input_ids, batch.input_ids.new_tensor(placeholder_ids(model.network)))
    return replace(found, media=with_answers(batch.media, of_media, new.shape[1]))
