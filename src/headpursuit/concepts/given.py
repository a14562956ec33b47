"""Concepts as callers give them: by name, by file, or as words."""

import os
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from headpursuit.concepts.concept import Concept, load_concept
from headpursuit.given import listed

Words: TypeAlias = Concept | str | os.PathLike[str] | Iterable[str] | Mapping[str, Iterable[str]]
"""A concept; the name or file of one; words; or `{name: words}`."""

_WANTED = "a Concept, the name of one ('countries'), a file of words, or a list of words"


def concept_of(given: Words) -> Concept:
    """A concept, however it is given: words without a name are called `words`.

    Raises:
        FileNotFoundError: If a text is neither a built-in concept nor a file.
        TypeError: If it is none of these; the error has the number of the word.
        ValueError: If there are no words, or several concepts.
    """
    if isinstance(given, Concept):
        return given
    if isinstance(given, str | os.PathLike):
        return load_concept(given)
    if isinstance(given, Mapping):
        found = concepts_of(given)
        if len(found) != 1:
            raise ValueError(f"{len(found)} concepts were given where one is wanted; give one of {', '.join(given)}")
        return found[0]
    return Concept("words", listed(given, "word", str, _WANTED))


def concepts_of(given: Iterable[Words] | Words) -> tuple[Concept, ...]:
    """Concepts, each as `concept_of` takes it; texts are names or files, and a mapping is `{name: words}`.

    Raises:
        FileNotFoundError, TypeError, ValueError: As `concept_of`; there may be no concept at all.
    """
    if isinstance(given, Mapping):
        return tuple(Concept(str(name), listed(words, "word", str, _WANTED)) for name, words in given.items())
    if isinstance(given, Concept | str | os.PathLike):
        return (concept_of(given),)
    if not isinstance(given, Iterable) or isinstance(given, bytes):
        raise TypeError(f"the concepts are of type {type(given).__name__}; give {_WANTED}, or a list of these")
    return tuple(map(concept_of, given))
