"""Chat templates: what they read, and messages written in them."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, meta
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from transformers.utils import chat_template_utils

from headpursuit.media import MODALITIES
from headpursuit.settings import Chat

Message = Mapping[str, Any]
"""`{"role": ..., "content": ...}`, as transformers takes it."""

_GENERATION = re.compile(r"\{%[-+]?\s*(end)?generation\s*[-+]?%\}")
"""Marks that transformers' own extension of Jinja reads: they write nothing."""

_CLOCK = "strftime_now"

_NO_SETTINGS = frozenset(
    {"messages", "add_generation_prompt", "raise_exception", _CLOCK}
    | {f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")}
    | {"range", "dict", "lipsum", "cycler", "joiner", "namespace"}
)
"""Names that a template reads and nobody sets: messages, tokens, and those that transformers and Jinja bring."""

_rendering = threading.Lock()


def template_of(writer: Any) -> str:
    """The chat template of a tokenizer or processor, of several the default one; empty if there is none."""
    found = writer.chat_template
    if isinstance(found, Mapping):
        found = found.get("default", next(iter(found.values()), ""))
    return found or ""


@lru_cache
def _read_by(template: str) -> frozenset[str]:
    """Names that a template reads and does not set itself; none of one that is no template."""
    environment = ImmutableSandboxedEnvironment(extensions=[loopcontrols])
    try:
        return frozenset(meta.find_undeclared_variables(environment.parse(_GENERATION.sub("", template))))
    except TemplateError:
        return frozenset()  # rendering it says what is wrong


def settings_of(writer: Any) -> tuple[str, ...]:
    """Names of the settings that a chat template reads, sorted."""
    return tuple(sorted(_read_by(template_of(writer)) - _NO_SETTINGS))


def writes_date(writer: Any) -> bool:
    """True if a chat template asks the clock."""
    return _CLOCK in _read_by(template_of(writer))


def written(writer: Any, messages: Sequence[Message], chat: Chat) -> str:
    """Messages in the chat template of a tokenizer or processor, with the beginning of the answer.

    Raises:
        ValueError: If the template reads no such setting, or cannot write the messages.
    """
    known = settings_of(writer)
    unknown = [name for name in chat.template if name not in known]
    if unknown:
        raise ValueError(
            f"the chat template reads no setting {unknown[0]!r}; "
            + (f"it reads {', '.join(known)}" if known else "it reads none; leave the settings out")
        )
    try:
        with clock_at(chat.moment):
            text = str(
                writer.apply_chat_template(
                    list(messages), tokenize=False, add_generation_prompt=True, **dict(chat.template)
                )
            )
    except (TemplateError, TypeError) as error:
        what = " and ".join(_described(messages))
        raise ValueError(f"the chat template cannot write {what} ({error}); {_remedy(chat)}") from error
    if any(said.strip() not in text for said in _system_texts(messages)):
        raise ValueError("the chat template leaves the system prompt out; leave `system` out")
    return text


def _system_texts(messages: Sequence[Message]) -> Iterator[str]:
    """The texts of system prompts."""
    for content in (message["content"] for message in messages if message["role"] == "system"):
        yield from [content] if isinstance(content, str) else (part["text"] for part in content if "text" in part)


def _described(messages: Sequence[Message]) -> Iterator[str]:
    """The parts there are to write, in words."""
    if any(message["role"] == "system" for message in messages):
        yield "a system prompt"
    parts = [part.get("type") for message in messages for part in message["content"] if isinstance(part, dict)]
    beside = next((kind.noun for kind in MODALITIES if kind.name in parts), "")
    yield f"a text with {'an' if beside == 'image' else 'a'} {beside}" if beside else "a text"


def _remedy(chat: Chat) -> str:
    given = [flag for flag, value in (("`system`", chat.system), ("`template_args`", chat.template)) if value]
    return f"leave {' or '.join([*given, '`chat`'])} out"


def today() -> str:
    """The date on the clock, as `Chat` takes it."""
    return date.today().isoformat()


@contextmanager
def clock_at(moment: datetime | None) -> Iterator[None]:
    """Let chat templates take a moment for now, in all threads, while a block runs; None leaves them the clock.

    transformers hands templates a function of its own that asks the clock, and takes no other.
    """
    if moment is None:
        yield
        return

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:  # noqa: ARG003
            return moment

    home: Any = chat_template_utils
    with _rendering:
        clock, home.datetime = home.datetime, Stopped
        try:
            yield
        finally:
            home.datetime = clock
