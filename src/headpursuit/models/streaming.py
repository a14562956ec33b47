"""An answer while it grows."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers.generation.streamers import BaseStreamer

from headpursuit.images import Prompt
from headpursuit.models.batches import batches
from headpursuit.models.chat import Chat
from headpursuit.models.generating import plainly_greedy
from headpursuit.models.image_positions import image_token_id
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.text import end_ids


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
        prompt: Text, or text with an image.
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
    network: Any = model.network
    heard = _Heard(model, tell)
    with plainly_greedy(network):
        network.generate(
            **batch.given,
            max_new_tokens=max_new_tokens,
            pad_token_id=model.tokenizer.pad_token_id or 0,
            streamer=heard,
        )
    return heard.text()


class _Heard(BaseStreamer):
    """What `generate` has written so far, up to the end of the answer."""

    def __init__(self, model: LanguageModel, tell: Callable[[str], None]) -> None:
        self._model, self._tell = model, tell
        self._ends = frozenset(end_ids(model, image_token_id(model.network)))
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
