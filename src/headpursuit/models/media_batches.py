"""Prompts with an image or a sound: looked at before anything runs, and opened a batch at a time."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from headpursuit.media import MediaPrompt
from headpursuit.models.anatomy import text_decoder
from headpursuit.models.compiled import uncompiled
from headpursuit.models.framing import Framing
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.naming import naming_prompt
from headpursuit.models.senses import SENSES
from headpursuit.models.senses.positions import MediaPositions
from headpursuit.models.senses.processors import prepared, processed
from headpursuit.models.senses.sense import Sense


def sense_for(prompt: MediaPrompt) -> Sense:
    """The sense that a prompt is for."""
    return next(sense for sense in SENSES if sense.modality is prompt.modality)


def check_media(frame: Framing, prompts: Mapping[int, MediaPrompt]) -> None:
    """Look at prompts before anything runs: files by their first bytes, and texts for where they go.

    Raises:
        ExtraMissing: If a package that opens them is not installed.
        FileNotFoundError: If an image or a sound is missing.
        ValueError: If one cannot be read or is too long, a text does not say where it goes, or the model reads none.
    """
    model = frame.model
    for number, prompt in prompts.items():
        sense = sense_for(prompt)
        if sense not in model.senses:
            raise ValueError(f"prompt {number + 1} {sense.lacking.format(model.name or 'this model')}")
        with naming_prompt(number):
            sense.check(model.processor, prompt.source)
            if model.encoder_sense is None:
                text_around(frame, prompt)
            else:
                beginning_of(frame, prompt)


def text_around(frame: Framing, prompt: MediaPrompt) -> str:
    """A prompt's text with a placeholder for what it is about.

    Raises:
        ValueError: If the text is empty, or nothing says where that goes.
    """
    sense, noun = sense_for(prompt), prompt.modality.noun
    placeholder = sense.placeholder(frame.model.processor)
    text = frame.text(prompt.text, beside=prompt.modality)
    if sense.places_itself(frame.model.processor):
        if placeholder in text:
            raise ValueError(f"the {noun}'s place, {placeholder}, is written before every text anyway; leave it out")
        if not prompt.text.strip():
            raise ValueError("the text is empty")
        return text
    if placeholder not in text:
        if frame.chat is not None:
            raise ValueError(
                f"the chat template puts no {noun} into the text; write {placeholder} and leave `chat` out"
            )
        raise ValueError(
            f"the text does not say where its {noun} goes; write {placeholder} there, or use the chat template "
            "(`chat=True`)"
        )
    if text.count(placeholder) != 1:
        raise ValueError(f"the text has {text.count(placeholder)} places for one {noun}; write {placeholder} once")
    if not sense.alone and not prompt.text.replace(placeholder, "").strip():
        raise ValueError(f"the text is empty but for {placeholder}")
    return text


def beginning_of(frame: Framing, prompt: MediaPrompt) -> list[int]:
    """The tokens that an answer begins with, for a model whose encoder reads no text.

    Raises:
        ValueError: If a chat template is asked for, or a model that hears is given a text.
    """
    noun, model = prompt.modality.noun, frame.model
    if frame.chat is not None:
        what = noun if sense_for(prompt).alone else sense_for(prompt).article
        raise ValueError(f"it is {what}, which no chat template can write; leave `chat` out")
    if prompt.text and sense_for(prompt).alone:
        raise ValueError(
            f"it has a text, but {model.name or 'this model'} takes {noun} alone; leave {prompt.text[:40]!r} out"
        )
    return model.tokenizer.encode(prompt.text, add_special_tokens=False) if prompt.text else []


def size_of(frame: Framing, prompt: MediaPrompt) -> tuple[int, ...]:
    """Numbers that the length of a prompt depends on: tokens of its text first, then the size of what it is about."""
    model, sense = frame.model, sense_for(prompt)
    if model.encoder_sense is None:
        around = model.tokenizer.encode(text_around(frame, prompt), add_special_tokens=False)
        return len(around), *sense.size(model.processor, prompt.source)
    fills = sense.fills(model.processor)
    return len(beginning_of(frame, prompt)), *(() if fills else sense.size(model.processor, prompt.source))


def read_media(frame: Framing, prompts: Sequence[tuple[int, MediaPrompt]]) -> dict[str, Tensor]:
    """Open what some prompts of one modality are about, each with its number; what the model is given for them.

    Texts are padded as the tokenizer pads; an encoder that reads no text is given no text.

    Raises:
        FileNotFoundError: If an image or a sound is missing.
        ValueError: If one cannot be read; the text names it and its prompt.
    """
    model, media = frame.model, []
    sense = sense_for(prompts[0][1])
    for number, prompt in prompts:
        with naming_prompt(number):
            media.append(sense.read(model.processor, prompt.source))
    if model.encoder_sense is not None:
        return prepared(sense, model.processor, model.network, media)
    texts = [text_around(frame, prompt) for _, prompt in prompts]
    return processed(sense, model.processor, model.network, texts, media, special=frame.adds_special(texts[0]))


def media_positions(model: LanguageModel, batch: Any, name: str) -> Bool[Tensor, "n_prompts n_tokens"]:
    """The tokens of a batch that stand for something of a modality, as a mask; false at padding.

    Where the config names no token for it, the model is run up to its decoder.

    Args:
        model: The model.
        batch: The batch.
        name: The modality's name, or `text`: then the tokens of all that is no text.

    Raises:
        ValueError: If it takes no positions in the text, or which ones cannot be told.
    """
    if not batch.media:
        return torch.zeros_like(batch.attention_mask, dtype=torch.bool)
    places = MediaPositions.of(model.network, name)
    embedded = None if places.token_ids is not None else _embedded(model, batch)
    return places.among(batch.input_ids, embedded) & batch.attention_mask.bool()


class _Reached(Exception):
    """The decoder was reached, and nothing behind it is needed."""


@torch.no_grad()
def _embedded(model: LanguageModel, batch: Any) -> Tensor | None:
    """The embeddings that the text decoder gets for a batch; None if it gets the tokens themselves."""
    found: list[Tensor] = []

    def stop(_: nn.Module, __: tuple[Any, ...], given: dict[str, Any]) -> None:
        found.extend([given["inputs_embeds"]] if isinstance(given.get("inputs_embeds"), Tensor) else [])
        raise _Reached

    hook = text_decoder(model.network).register_forward_pre_hook(stop, with_kwargs=True)
    try:
        with uncompiled():
            model.network(**batch.inputs, use_cache=False)
    except _Reached:
        pass
    finally:
        hook.remove()
    return found[0] if found else None
