"""Prompts with an image: what a model's processor makes of them, and what becomes of it when a text grows."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool
from PIL.Image import Image
from torch import Tensor, nn

from headpursuit.media import ImagePrompt
from headpursuit.media.images.opening import check_image, open_image
from headpursuit.models.anatomy import text_decoder
from headpursuit.models.compiled import uncompiled
from headpursuit.models.framing import Framing
from headpursuit.models.image_positions import ImagePositions
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.naming import naming_prompt
from headpursuit.models.processors import placeholder_of, processed


def check_pictures(frame: Framing, prompts: Mapping[int, ImagePrompt]) -> None:
    """Look at prompts with images before anything runs: files by their first bytes, and texts for where images go.

    Raises:
        FileNotFoundError: If an image is missing.
        ValueError: If an image is none, a text does not say where its image goes, or the model reads no images.
    """
    model = frame.model
    for number, prompt in prompts.items():
        if not model.sees_images:
            raise ValueError(
                f"prompt {number + 1} has an image, but {model.name or 'this model'} was loaded without an image "
                "processor; give a vision-language model"
            )
        with naming_prompt(number):
            if not isinstance(prompt.image, Image):
                check_image(prompt.image)
            text_of(frame, prompt)


def text_of(frame: Framing, prompt: ImagePrompt) -> str:
    """A prompt's text with a placeholder for its image.

    Raises:
        ValueError: If the text is empty, or nothing says where the image goes.
    """
    placeholder = placeholder_of(frame.model.processor)
    text = frame.text(prompt.text, with_image=True)
    if placeholder not in text:
        if frame.chat is not None:
            raise ValueError(f"the chat template puts no image into the text; write {placeholder} and leave `chat` out")
        raise ValueError(
            f"the text does not say where its image goes; write {placeholder} there, or use the chat template "
            "(`chat=True`)"
        )
    if text.count(placeholder) != 1:
        raise ValueError(f"the text has {text.count(placeholder)} places for one image; write {placeholder} once")
    if not prompt.text.replace(placeholder, "").strip():
        raise ValueError(f"the text is empty but for {placeholder}")
    return text


def read_pictures(frame: Framing, prompts: Sequence[tuple[int, ImagePrompt]]) -> dict[str, Tensor]:
    """Open the images of some prompts, each with its number; what the model is given for them, padded on the left.

    Raises:
        FileNotFoundError: If an image is missing.
        ValueError: If an image cannot be read; the text names it and its prompt.
    """
    images = []
    for number, prompt in prompts:
        with naming_prompt(number):
            images.append(open_image(prompt.image))
    texts, model = [text_of(frame, prompt) for _, prompt in prompts], frame.model
    return processed(model.processor, model.network, texts, images, special=frame.adds_special(texts[0]))


def image_positions(model: LanguageModel, batch: Any) -> Bool[Tensor, "n_prompts n_tokens"]:
    """The tokens of a batch that stand for an image, as a mask; false at padding.

    Where the config names no image token, the model is run up to its decoder.

    Raises:
        ValueError: If images take no positions in the text, or which ones cannot be told.
    """
    if not batch.pictures:
        return torch.zeros_like(batch.attention_mask, dtype=torch.bool)
    places = ImagePositions.of(model.network)
    embedded = None if places.token_id is not None else _embedded(model, batch)
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
