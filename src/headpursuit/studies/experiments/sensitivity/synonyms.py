"""Synonyms that the user gives.

    # word, synonym, synonym
    Netherlands, Holland
    Myanmar, Burma

One word a line with its synonyms behind it, UTF-8. Blank lines and lines that begin with `#` say nothing.
"""

from collections.abc import Mapping
from pathlib import Path

from headpursuit.concepts import Concept
from headpursuit.files import lines_of
from headpursuit.words import compared


def read_synonyms(path: Path | str, concept: Concept) -> dict[str, tuple[str, ...]]:
    """Synonyms of a concept's words, by word as the concept writes it; case does not matter when they are looked up.

    Lines about words that the concept does not have are skipped.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not UTF-8, a line has no synonym, or no line is about a word of the concept.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}; give one with a line like `word, synonym, synonym`")
    rows = {n: line.strip() for n, line in lines_of(file) if line.strip() and not line.strip().startswith("#")}
    return _of_concept({n: _parts(row, n, file) for n, row in rows.items()}, concept, file)


def _parts(row: str, number: int, file: Path) -> list[str]:
    parts = list(dict.fromkeys(part.strip() for part in row.split(",") if part.strip()))
    if len(parts) < 2:
        raise ValueError(f"{file}, line {number}: {row!r} has no synonym; write `word, synonym, synonym`")
    return parts


def _of_concept(rows: Mapping[int, list[str]], concept: Concept, file: Path) -> dict[str, tuple[str, ...]]:
    written = {compared(word): word for word in concept.words}
    found: dict[str, tuple[str, ...]] = {}
    for word, *synonyms in rows.values():
        if compared(word) in written:
            own = written[compared(word)]
            found[own] = tuple(dict.fromkeys((*found.get(own, ()), *synonyms)))
    if not found:
        first = ", ".join(row[0] for row in list(rows.values())[:3]) or "nothing"
        raise ValueError(
            f"{file} names no word of {concept.name} (it begins with {first}; the concept with "
            f"{', '.join(concept.words[:3])}); begin each line with a word of the concept"
        )
    return found
