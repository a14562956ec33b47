"""A prompt of several messages, as chat models are asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headpursuit.files import check_text, is_blank


@dataclass(frozen=True)
class Message:
    """Something that somebody said."""

    role: str
    """`system`, `user`, `assistant`, or what else the model's chat template knows."""
    content: str


@dataclass(frozen=True)
class Conversation:
    """Messages that the model goes on from, put into its chat template; with `chat` only.

    Raises:
        ValueError: If there is no message, one is empty or holds what no text can, or the last one is the assistant's,
            which the model is to write.
    """

    messages: tuple[Message, ...]

    def __post_init__(self) -> None:
        for number, message in enumerate(self.messages, start=1):
            for name, text in (("role", message.role), ("content", message.content)):
                check_text(text, f"the {name} of message {number}")
                if is_blank(text):
                    raise ValueError(f"the {name} of message {number} is empty; write it, or leave the message out")
        if not self.messages:
            raise ValueError("a conversation needs a message at least; give one of the user's")
        if self.messages[-1].role == "assistant":
            raise ValueError("the last message is the assistant's, which the model is to write; leave it out")

    @classmethod
    def of(cls, messages: Any) -> "Conversation":
        """A conversation from a list of `{"role": ..., "content": ...}`, as files and other libraries have them.

        Raises:
            ValueError: If it is no such list, a message says more than that, or as above.
        """
        if not isinstance(messages, list | tuple):
            raise ValueError(f'messages are a list like [{{"role": "user", "content": "Hi"}}], not {messages!r:.60}')
        return cls(tuple(_message(one, number) for number, one in enumerate(messages, start=1)))

    def to_json(self) -> list[dict[str, str]]:
        """The reverse of `of`."""
        return [{"role": message.role, "content": message.content} for message in self.messages]

    def __str__(self) -> str:
        return "\n".join(f"{message.role}: {message.content}" for message in self.messages)


def _message(given: Any, number: int) -> Message:
    if not isinstance(given, Mapping):
        raise ValueError(f'message {number} is no object like {{"role": "user", "content": "Hi"}}, but {given!r:.60}')
    for name in ("role", "content"):
        if not isinstance(given.get(name), str):
            raise ValueError(f"the {name} of message {number} is {given.get(name)!r:.60}, where text belongs")
    # Parquet gives every message all keys that any of them has.
    more = [str(name) for name, value in given.items() if name not in ("role", "content") and value not in (None, [])]
    if more:
        raise ValueError(f"message {number} has {', '.join(more):.60}, which is not read; leave it out")
    return Message(given["role"], given["content"])
