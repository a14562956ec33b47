"""Errors and notes that the user can do something about: they are told in one line, wherever they are met."""

import sys


class Note(UserWarning):
    """Something that a user may want to mend, although nothing stops for it; the command line says it in one line."""


def user_errors() -> tuple[type[Exception], ...]:
    """Errors that are the user's to mend; of packages that are not loaded, none can have been raised."""
    kinds: list[type[Exception]] = [ValueError, OSError, MemoryError]
    for module, name in (
        ("headpursuit.models", "AnatomyError"),
        ("headpursuit.extras", "ExtraMissing"),
        ("safetensors", "SafetensorError"),
        ("torch", "OutOfMemoryError"),
    ):
        if module in sys.modules and hasattr(sys.modules[module], name):
            kinds.append(getattr(sys.modules[module], name))
    return tuple(kinds)
