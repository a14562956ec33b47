"""A conversation, and the edit that is switched and rescaled while it goes on."""

from collections.abc import Callable
from dataclasses import replace

from headpursuit.conversations import Conversation, Message
from headpursuit.files import check_text, is_blank
from headpursuit.heads import Edit
from headpursuit.models import LanguageModel, rescale, stream_answer
from headpursuit.settings import Chat

Tell = Callable[[str], None]
"""A listener for every new piece of an answer."""


class Talk:
    """All that was said so far, and the edit under which the model answers.

    Answers are greedy, so that two answers to the same words differ by the edit alone. In a chat template the model
    reads the whole conversation before each answer; without one, every message is a prompt of its own.
    """

    def __init__(
        self, model: LanguageModel, edit: Edit | None = None, *, chat: Chat | None = None, max_new_tokens: int = 256
    ) -> None:
        """Begin a conversation.

        Args:
            model: The model.
            edit: What is edited, switched on; nothing if None.
            chat: The frame with its system prompt and settings; None for plain prompts.
            max_new_tokens: Length of an answer, at most.

        Raises:
            ValueError: If the model has no chat template and one is asked for, it takes no such system prompt or
                settings, or it lacks a head of the edit.
        """
        self.model, self.chat, self.max_new_tokens = model, chat, max_new_tokens
        self.edit, self.on = Edit({}), True
        self._said: tuple[Message, ...] = ()
        self._asked: tuple[Message, ...] = ()
        self.put(edit or Edit({}))
        if chat is not None:
            self._check(chat)

    @property
    def acting(self) -> Edit:
        """The edit under which the next answer is given; empty while it is switched off."""
        return self.edit if self.on else Edit({})

    @property
    def n_said(self) -> int:
        """Messages that the model reads before the next one."""
        return len(self._said)

    def ask(self, text: str, tell: Tell) -> str:
        """Answer a message, which with its answer becomes part of the conversation.

        Interrupted (`KeyboardInterrupt`), what was told so far is the answer. A message without an answer is not kept.

        Args:
            text: The message.
            tell: Called with every new piece of the answer.

        Raises:
            ValueError: If it is empty, no text, or does not fit into the model's context with what was said before;
                nothing of it is kept then.
        """
        check_text(text, "the message")
        if is_blank(text):
            raise ValueError("the message is empty; write one")
        before, told = self._asked, list[str]()
        self._asked = (*self._said, Message("user", text))

        def keep(piece: str) -> None:
            told.append(piece)
            tell(piece)

        try:
            return self._keep(self._answer(self.acting, keep))
        except KeyboardInterrupt:
            self._keep("".join(told))
            raise
        except ValueError as error:
            self._asked = before
            full = self._said and "the context holds" in str(error)
            raise ValueError(f"{error}; /reset forgets what was said before" if full else str(error)) from error

    def _keep(self, answer: str) -> str:
        """Make the last message and its answer part of the conversation; only a chat template has a place for them."""
        if self.chat is not None and not is_blank(answer):
            self._said = (*self._asked, Message("assistant", answer))
        return answer

    def compare(self, tell: Tell) -> str:
        """The last message answered the other way: without the edit where it is on, and with it where it is off.

        The conversation goes on as if this had not been asked.

        Raises:
            ValueError: If there is no edit, or nothing was asked yet.
        """
        self._check_edit()
        if not self._asked:
            raise ValueError("there is nothing to compare yet; ask something first")
        return self._answer(Edit({}) if self.on else self.edit, tell)

    def switch(self, on: bool) -> None:
        """Switch the edit on or off.

        Raises:
            ValueError: If there is none.
        """
        self._check_edit()
        self.on = on

    def scale(self, scale: float | int) -> None:
        """Give all heads of the edit one scale, and switch it on.

        Raises:
            ValueError: If there is no edit, or that is no finite number.
        """
        self._check_edit()
        self.put(Edit.uniform(tuple(self.edit), scale, self.edit.scope))

    def put(self, edit: Edit) -> None:
        """Take another edit, and switch it on.

        Raises:
            ValueError: If the model lacks a head of it.
        """
        for head in edit:
            self.model.anatomy.site_of(head)
        self.edit, self.on = edit, True

    def system(self, text: str) -> None:
        """Take a system prompt from here on; none if empty. What was said stays.

        Raises:
            ValueError: If there is no chat template, or it takes no such system prompt.
        """
        if self.chat is None:
            raise ValueError("there is no chat template, so there is no place for a system prompt")
        check_text(text, "the system prompt")
        chat = replace(self.chat, system=text)
        self._check(chat)
        self.chat = chat

    def reset(self) -> None:
        """Forget what was said; edit and system prompt stay."""
        self._said = self._asked = ()

    def _check(self, chat: Chat) -> None:
        """Refuse a frame that the model's template cannot write."""
        self.model.as_message("neutral", chat=chat)

    def _check_edit(self) -> None:
        if not self.edit:
            raise ValueError("there is no edit; give one with /edit FILE, or heads like /edit L12H3,L9H1")

    def _answer(self, edit: Edit, tell: Tell) -> str:
        prompt = self._asked[-1].content if self.chat is None else Conversation(self._asked)
        pieces = _Pieces(tell)
        with rescale(self.model, edit):
            answer = stream_answer(
                self.model, prompt, pieces.hear, max_new_tokens=self.max_new_tokens, chat=self.chat or False
            )
        pieces.hear(answer)
        return answer


class _Pieces:
    """An answer that is told whole as it grows, in pieces that follow one another.

    Nothing told is taken back, also where a tokenizer mends a space that it has written before.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell, self._length = tell, 0

    def hear(self, text: str) -> None:
        """Take the answer so far."""
        if len(text) > self._length:
            self._tell(text[self._length :])
            self._length = len(text)
