"""A concept, and the one file format that built-in and own word lists share.

    # description: Days of the week
    # source: compiled by hand
    Monday
    Tuesday

One word or short phrase per line, UTF-8. Blank lines and lines that begin with `#` are no words.
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from headpursuit.concepts.normalising import normalised, warn_of, what_changed
from headpursuit.files import lines_of
from headpursuit.given import listed

_DATA = Path(__file__).parent / "data"
_HEADER = re.compile(r"#\s*(description|source)\s*:\s*(.*)", re.IGNORECASE)
_LONGEST_LINE = 200


@dataclass(frozen=True)
class Concept:
    """A named list of words, such as countries or colours.

    Words keep their order; repeated words and the space around them are dropped. Case is kept as given:
    `May` and `may` are two words. Words are normalised (see `normalised`), and those of which nothing is left are
    dropped; a `WordsChanged` warning says so, and `notes` keeps it.

    Raises:
        TypeError: If the name is no text, or the words hold something else than texts.
        ValueError: If the name, the list or a word is empty, or a word holds what no text can.
    """

    name: str
    """The name that reports and files give the concept."""

    words: tuple[str, ...]
    """The words or short phrases, each once, in the order given."""

    description: str = ""
    """The concept in a sentence: what belongs to it."""

    source: str = ""
    """The origin of the words."""

    notes: tuple[str, ...] = field(default=(), init=False, repr=False, compare=False)
    """Changes of words that were not taken as they were given, in sentences."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"the concept's name is {self.name!r:.60}; give a text, like 'countries'")
        if not normalised(self.name):
            raise ValueError(f"the concept's name is {self.name!r}; give it one that tables can show, like 'countries'")
        words = listed(self.words, "word", str, f"the words of {self.name!r}, each as a text")
        for position, word in enumerate(words, start=1):
            if not word.strip():
                raise ValueError(f"word {position} of {self.name!r} is blank; leave it out")
        became = {word: normalised(word) for word in map(str.strip, words)}
        if not any(became.values()):
            raise ValueError(f"the words of {self.name!r} are nothing but invisible characters; write them anew")
        object.__setattr__(self, "name", normalised(self.name))
        object.__setattr__(self, "words", tuple(dict.fromkeys(filter(None, became.values()))))
        object.__setattr__(self, "notes", what_changed(became))
        warn_of(self.name, self.notes)


def builtin_concepts() -> tuple[str, ...]:
    """The names of the word lists that come with the package, sorted."""
    return tuple(sorted(path.stem for path in _DATA.glob("*.txt")))


def load_concept(name_or_path: str | os.PathLike[str]) -> Concept:
    """A built-in concept by its name, or the user's own by the path of a text file.

    The file holds one word or short phrase per line. Lines `# description: ...` and `# source: ...` fill the
    fields of that name; all other lines beginning with `#` are skipped. The file's name without its ending is
    the concept's name. A built-in name wins over a file of that name; write `./countries` for the file.

    Args:
        name_or_path: One of `builtin_concepts()`, or a path.

    Returns:
        The concept, with words in the order of the file.

    Raises:
        FileNotFoundError: If there is neither a built-in concept nor a file of that name.
        ValueError: If the path is a folder, or the file is not UTF-8 text, holds no words, or has a word of
            more than 200 characters.
    """
    if not isinstance(name_or_path, str | os.PathLike):
        raise TypeError(
            f"a concept is loaded by its name or its file, but a {type(name_or_path).__name__} was given; words of "
            "your own are a concept without a file: Concept('name', words)"
        )
    given = os.fspath(name_or_path)
    if given in builtin_concepts():
        return _read(_DATA / f"{given}.txt")
    if not os.path.exists(given):
        raise FileNotFoundError(_unknown(given))
    if os.path.isdir(given):
        raise ValueError(f"{given!r} is a folder; give a text file with one word per line")
    return _read(Path(given))


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


def _unknown(given: str) -> str:
    names = builtin_concepts()
    close = difflib.get_close_matches(given.lower(), names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return (
        f"{given!r} is neither a built-in concept nor a file; {hint}built in are {', '.join(names)}; "
        "or give the path of a text file with one word per line"
    )


def _read(path: Path) -> Concept:
    fields: dict[str, str] = {}
    words = []
    for number, raw in lines_of(path):
        line = raw.strip()
        if normalised(line).startswith("#"):
            line = normalised(line)
            if header := _HEADER.fullmatch(line):
                fields.setdefault(header[1].lower(), header[2])
        elif len(line) > _LONGEST_LINE:
            raise ValueError(
                f"{path}, line {number}: {len(line)} characters, but a line holds one word or short phrase "
                f"of at most {_LONGEST_LINE}; is this a word list?"
            )
        elif line:
            words.append(line)
    if not any(map(normalised, words)):
        raise ValueError(f"{path} holds no words; write one per line")
    return Concept(path.stem, tuple(words), **fields)
