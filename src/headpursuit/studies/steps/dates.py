"""The date that chat templates write: the same in every prompt of a study, also after an interruption."""

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from headpursuit.models import LanguageModel, chat_of
from headpursuit.storage import read_json

C = TypeVar("C", bound=Any)


def dated(model: LanguageModel, config: C, folder: Path, *, chat: bool) -> C:
    """A config with the date of all its prompts, where their template writes it and the config names none.

    Args:
        model: The model, whose chat template counts.
        config: The settings.
        folder: Of the results: what was begun there goes on at its date, and anything else takes today's.
        chat: Whether any prompt is put into the chat template.

    Raises:
        ValueError: If there is a date, and no prompt is.
    """
    _ = chat_of(chat, date=config.date)
    today = model.dated(chat)
    if today is None or not today.date or config.date:
        return config
    file = folder / "config.json"
    begun = read_json(file) if file.is_file() else {}
    date = begun.get("date") or begun.get("settings", {}).get("date")
    return replace(config, date=date or today.date)
