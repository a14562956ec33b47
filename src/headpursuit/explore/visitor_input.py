"""Concepts and heads that visitors type, with one clear line for what cannot be."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from headpursuit.concepts import Concept, builtin_concepts, load_concept, normalised
from headpursuit.heads import Head

LONGEST_CONCEPT = 4000
"""Characters of a typed concept."""

LONGEST_WORD = 100
MOST_WORDS = 400
LONGEST_PROMPT = 4000
"""Characters of a prompt."""

LONGEST_HEADS = 2000
"""Characters of a list of heads."""

_NAMED_BY = 3
"""Words that name a typed concept."""


def typed_concept(text: str) -> Concept:
    """A built-in concept by its name, or words with commas or line breaks between them. No file is ever opened.

    Raises:
        ValueError: If there is no word, or too much text.
    """
    check_length(text, LONGEST_CONCEPT, "concept")
    given = text.strip()
    if given in builtin_concepts():
        return load_concept(given)
    words = [word.strip() for word in re.split(r"[,;\n]", given) if word.strip()]
    normal = [word for word in map(normalised, words) if word]
    if not normal:
        raise ValueError(f"type words with commas between them, or a built-in concept: {', '.join(builtin_concepts())}")
    if len(words) > MOST_WORDS:
        raise ValueError(f"{len(words)} words were typed; at most {MOST_WORDS} are taken here, more from a file (rank)")
    if any(word.startswith("#") for word in normal):
        raise ValueError("a word begins with #, which starts a comment in a list of words; leave the # out")
    long = next((word for word in words if len(word) > LONGEST_WORD), None)
    if long is not None:
        raise ValueError(f"the word {long[:20]}… has {len(long)} characters; a word has at most {LONGEST_WORD}")
    more = " …" if len(normal) > _NAMED_BY else ""
    return Concept(", ".join(normal[:_NAMED_BY]) + more, tuple(words))


def meant_concept(text: str) -> str:
    """The built-in concept whose name a single typed word nearly is; empty if there is none."""
    given = text.strip().lower()
    if given in builtin_concepts() or "," in given:
        return ""
    return next(iter(get_close_matches(given, builtin_concepts(), n=1, cutoff=0.8)), "")


def typed_heads(text: str, known: Iterable[Head]) -> tuple[Head, ...]:
    """Heads picked by hand, such as `L12H3 L20H1`; spaces or commas between them.

    Raises:
        ValueError: If one cannot be read or is not among the known ones.
    """
    check_length(text, LONGEST_HEADS, "list of heads")
    heads = tuple(dict.fromkeys(Head.parse(part) for part in re.split(r"[\s,;]+", text.strip()) if part))
    missing = set(heads) - set(known)
    if missing:
        raise ValueError(f"this model has no head {min(missing)}; click heads on the map, or write them like L12H3")
    return heads


def check_length(text: str, most: int, what: str) -> None:
    """Refuse long text before anything is done with it.

    Raises:
        ValueError: If it has more than `most` characters.
    """
    if len(text) > most:
        raise ValueError(f"the {what} has {len(text):,} characters; at most {most:,} are taken")
