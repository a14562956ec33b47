"""Load the model a command asks for."""

from typing import TYPE_CHECKING, Any

from headpursuit.cli.console import notes

if TYPE_CHECKING:
    from headpursuit.models import LanguageModel


def open_model(name: str, **options: Any) -> "LanguageModel":
    """`models.load` for a terminal: without transformers' own bars, and with a word before a long download."""
    from headpursuit.models import DEMO_VLM, EMBEDDED, embedded_is_cached, load, quiet

    quiet()
    if name in (EMBEDDED, DEMO_VLM) and not embedded_is_cached():
        notes.print(f"fetching {EMBEDDED} once (93 MB, then half a minute of unpacking)")
    return load(name, **options)
