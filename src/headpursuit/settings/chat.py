"""The frame of prompts: all that a chat template is told beside them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Annotated, Any

from headpursuit.files import parse_json
from headpursuit.settings.fields import Flag, Settings

_PYTHON = {"True": True, "False": False, "None": None}
"""Values that Python writes in another way than JSON."""


@dataclass(frozen=True)
class Chat:
    """The frame of a prompt in the chat template; where `chat` is asked for, `True` stands for `Chat()`.

    Raises:
        TypeError: If the settings are no mapping.
        ValueError: If the date cannot be read.
    """

    system: str = ""
    """The system prompt; empty for the template's own, if it has one."""
    template: Mapping[str, Any] = field(default_factory=dict)
    """Settings that the template reads, such as `{"enable_thinking": False}`."""
    date: str = ""
    """Now, to a template that writes date or time: `2026-07-14`, which is midnight, or `2026-07-14T09:30`. If empty, it
    is the clock's date when the prompts are put into the template."""

    def __post_init__(self) -> None:
        if not isinstance(self.template, Mapping):
            raise TypeError(f'settings of a template are a mapping like {{"a": 1}}, but {self.template!r} was given')
        _ = self.moment

    @property
    def moment(self) -> datetime | None:
        """The date as a moment; None if there is none.

        Raises:
            ValueError: If it cannot be read.
        """
        try:
            return datetime.fromisoformat(self.date).replace(tzinfo=None) if self.date else None
        except ValueError:
            raise ValueError(
                f"cannot read {self.date!r} as a date; write it like 2026-07-14, or with the time, 2026-07-14T09:30"
            ) from None


@dataclass(frozen=True, kw_only=True)
class ChatSettings(Settings):
    """A frame as settings, which all configs with prompts have.

    Raises:
        ValueError: If settings cannot be read, or would do nothing.
    """

    chat: bool = False
    """Put prompts into the model's chat template."""
    system: str = ""
    """A system prompt, in the chat template."""
    template_args: str = ""
    """Settings of the chat template, like enable_thinking=false, several with commas; or a JSON object."""
    date: Annotated[str, Flag(usual="the day on which it is begun")] = ""
    """Now, to a chat template that writes date or time, like 2026-07-14."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.frame

    @property
    def frame(self) -> Chat | bool:
        """The frame that the settings make; False without a chat template."""
        return chat_of(self.chat, self.system, self.template_args, self.date)

    @property
    def chat_settings(self) -> dict[str, Any]:
        """These settings by name, for another config."""
        return {each.name: getattr(self, each.name) for each in fields(ChatSettings)}


def chat_of(chat: bool, system: str = "", template_args: str = "", date: str = "") -> Chat | bool:
    """The frame that settings ask for; False without a chat template.

    Args:
        chat: Whether prompts are put into the chat template.
        system: The system prompt.
        template_args: Settings of the template, as `parse_template_args` reads them.
        date: What the template takes for now.

    Raises:
        ValueError: If settings cannot be read, or there are some and no chat template.
    """
    found = Chat(system, parse_template_args(template_args), date)
    if chat:
        return found
    given = {"system": system, "template_args": template_args, "date": date}
    idle = [f"`{name}`" for name, value in given.items() if value]
    if idle:
        raise ValueError(f"{' and '.join(idle)} would do nothing without the chat template; add `chat=True`")
    return False


def parse_template_args(text: str) -> dict[str, Any]:
    """Settings of a chat template, such as `enable_thinking=false,budget=3`, or as a JSON object.

    A value that is JSON (`false`, `3`, `null`) is read as such, and any other is text.

    Raises:
        ValueError: If that is neither.
    """
    if text.lstrip().startswith("{"):
        try:
            found = parse_json(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"cannot read {text!r} as settings of a template: no valid JSON ({error.msg})") from error
        except ValueError as error:
            raise ValueError(f"cannot read {text!r:.60} as settings of a template: {error}") from error
        return dict(found)
    settings: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ValueError(
                f"cannot read {part!r} as a setting of a template; write name=value, like enable_thinking=false, "
                'several with commas, or a JSON object like {"names": ["a", "b"]}'
            )
        if name in settings:
            raise ValueError(f"the setting {name} of the template is given twice; give it once")
        settings[name] = _value(value)
    return settings


def _value(text: str) -> Any:
    if text in _PYTHON:
        return _PYTHON[text]
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
