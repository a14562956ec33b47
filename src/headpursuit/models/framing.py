"""Prompts in their frames: the chat template or none, and every special token once."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from headpursuit.conversations import Conversation
from headpursuit.media import MediaPrompt, Modality, Prompt
from headpursuit.models.language_model import LanguageModel
from headpursuit.settings import Chat
from headpursuit.user_errors import Note

_NEUTRAL = "neutral"
"""A message that holds no special token."""


@dataclass(frozen=True)
class Framing:
    """The frame of prompts, which makes them texts for the tokenizer."""

    model: LanguageModel
    chat: Chat | None
    """The frame; None without a chat template."""

    @classmethod
    def of(cls, model: LanguageModel, chat: Chat | bool) -> "Framing":
        """With today's date for all prompts, where the template writes the date and none is given."""
        return cls(model, model.dated(chat))

    def text(self, prompt: str | Conversation, beside: Modality | None = None) -> str:
        """A prompt in its frame; in a text, a first token that is written anyway, typed by hand, is taken off.

        Raises:
            ValueError: If the chat template cannot write it.
        """
        bare = prompt.removeprefix(self.first) if isinstance(prompt, str) else prompt
        return str(bare) if self.chat is None else self.model.as_message(bare, beside, self.chat)

    def adds_special(self, text: str) -> bool:
        """True if the tokenizer adds its special tokens to a framed text."""
        return self.chat is None or self.model.wants_special(text)

    @cached_property
    def first(self) -> str:
        """The token that begins every text, written by the template or the tokenizer, such as `<s>`; empty if none."""
        own = self.model.tokenizer.bos_token
        # Some templates begin every message with what the tokenizer calls its first token.
        if own and self._frame.startswith(own) and self._frame.count(own) == 1:
            return str(own)
        return self._added if self.adds_special(self._frame) else ""

    @cached_property
    def _added(self) -> str:
        """The token that the tokenizer puts before a text."""
        tokenizer = self.model.tokenizer
        ids, plain = (tokenizer.encode(_NEUTRAL, add_special_tokens=special) for special in (True, False))
        added = len(ids) > len(plain) and ids[:1] != plain[:1] and ids[0] in tokenizer.all_special_ids
        return str(tokenizer.convert_ids_to_tokens(ids[0])) if added else ""

    @cached_property
    def _frame(self) -> str:
        """The frame around a neutral message; empty where there is none, or the template cannot write it."""
        try:
            return "" if self.chat is None else self.model.as_message(_NEUTRAL, chat=self.chat)
        except ValueError:
            return ""  # the prompts themselves say so

    @cached_property
    def _marks(self) -> tuple[str, ...]:
        """Marks that the template writes around a message, and no prompt should hold."""
        known = {str(token) for token in self.model.tokenizer.added_tokens_decoder.values()}
        tokens = sorted((mark for mark in known if mark in self._frame), key=self._frame.index)
        behind = self._frame.partition(_NEUTRAL)[2].strip()
        return tuple(tokens) or ((behind,) if len(behind) > 2 else ())

    def note(self, prompts: Iterable[Prompt]) -> str:
        """A note on prompts that wear their frame already, in a sentence; empty if none does."""
        worn: dict[str, int] = {}
        n_first = n_prompts = 0
        for prompt in prompts:
            n_prompts += 1
            text = prompt.text if isinstance(prompt, MediaPrompt) else str(prompt)
            n_first += bool(self.first) and text.startswith(self.first)
            mark = next((mark for mark in self._marks if mark in text.removeprefix(self.first)), None)
            if mark is not None:
                worn[mark] = worn.get(mark, 0) + 1
        notes = []
        if worn:
            wear = "wears" if sum(worn.values()) == 1 else "wear"
            notes.append(
                f"{sum(worn.values())} of {n_prompts} prompts already {'hold' if wear == 'wear' else 'holds'} the "
                f"template's {max(worn, key=worn.__getitem__)} and {wear} the frame twice: leave the chat template "
                "(`chat`) out, or give the bare texts"
            )
        if n_first:
            notes.append(
                f"{n_first} of {n_prompts} prompts begin with {self.first}, which is written before every prompt "
                "anyway: it stands there once"
            )
        return "; ".join(notes)


def tell_of_frames(model: LanguageModel, prompts: Iterable[Prompt], chat: Chat | bool) -> None:
    """Warn (`Note`) of prompts that wear their frame already."""
    note = Framing.of(model, chat).note(prompts)
    if note:
        warnings.warn(note, Note, stacklevel=3)
