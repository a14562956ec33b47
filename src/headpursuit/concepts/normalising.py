"""Words as people paste them, in the one way that tokenizers know: composed, and without what nobody sees."""

import unicodedata
import warnings
from collections.abc import Mapping, Sequence

import regex

from headpursuit.user_errors import Note

_INVISIBLE = regex.compile(
    # Unicode's default ignorables, and controls
    r"[[\p{DI}\p{Cc}]--[\s\u200c\u200d\p{Variation_Selector}\U000e0020-\U000e007f]]",
    regex.VERSION1,
)

_PLAIN = r"\p{ASCII}\p{Lu}\p{Ll}\p{Lt}\s"
"""ASCII, letters with case, and spaces: beside these, joiners and variation selectors do nothing."""

_IDLE = regex.compile(
    rf"""
    (?<![^{_PLAIN}]) [\u200c\u200d] | [\u200c\u200d] (?![^{_PLAIN}])  # tie emoji, shape Persian and Indic words
    | (?<![^{_PLAIN}]) \p{{Variation_Selector}} (?!\u20e3)  # choose a form of what is before; digits become keycaps
    | (?<!\U0001f3f4 [\U000e0020-\U000e007f]*) [\U000e0020-\U000e007f]  # spell a region behind a black flag
    """,
    regex.VERBOSE | regex.VERSION1,
)

_NAMED = 5
"""Words that a line names, at most."""


class WordsChanged(Note):
    """Words are not taken as they were given; says which, and what became of them."""


def normalised(word: str) -> str:
    """A word in composed form (NFC), without invisible characters, with single plain spaces between its parts.

    Invisible are control characters and what Unicode lets fonts ignore: zero-width spaces, soft hyphens, byte order
    marks, marks of direction. Joiners, variation selectors and tags stay where they change what is read: between
    letters without case and between emoji. Empty if nothing visible is left.
    """
    before, seen = "", unicodedata.normalize("NFC", _INVISIBLE.sub("", word))
    while before != seen:  # what goes lets letters compose, beside which more does nothing
        before, seen = seen, unicodedata.normalize("NFC", _IDLE.sub("", seen))
    return " ".join(seen.split())


def shown(word: str, beside: str | None = None) -> str:
    """A word in quotes; what cannot be seen, or is not in the word beside it, as its code point."""
    kept = word if beside is None else beside
    seen = (c if c.isprintable() and (c.isascii() or c in kept) else c.encode("unicode_escape").decode() for c in word)
    return f"'{''.join(seen)}'"


def what_changed(became: Mapping[str, str]) -> tuple[str, ...]:
    """Changes of words, from what was given to what became of it (empty where nothing was left), in sentences."""
    respelled = [f"{shown(given, word)} -> {shown(word)}" for given, word in became.items() if word not in ("", given)]
    dropped = [shown(given, word) for given, word in became.items() if not word]
    same_word: dict[str, list[str]] = {}
    for given, word in became.items():
        same_word.setdefault(word, []).append(shown(given, word))
    notes = [f"{_number(respelled)} normalised: {_listed(respelled)}"] if respelled else []
    notes += [f"{' and '.join(same)} are one word" for word, same in same_word.items() if word and len(same) > 1]
    if dropped:
        notes.append(f"{_number(dropped)} dropped, having nothing but invisible characters: {_listed(dropped)}")
    return tuple(notes)


def warn_of(name: str, notes: tuple[str, ...]) -> None:
    """Say what became of a concept's words, if anything did."""
    if notes:
        # The caller's line is the one that made the concept: past this function, __post_init__ and __init__.
        warnings.warn(f"{name}: {'; '.join(notes)}", WordsChanged, stacklevel=4)


def _number(words: Sequence[str]) -> str:
    return f"{len(words)} word{' was' if len(words) == 1 else 's were'}"


def _listed(parts: Sequence[str]) -> str:
    more = f" and {len(parts) - _NAMED} more" if len(parts) > _NAMED else ""
    return ", ".join(parts[:_NAMED]) + more
