"""Sentences that are heard and written down: recordings of one's own, or the package's, spoken by espeak-ng."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from headpursuit.concepts import Concept, load_concept
from headpursuit.files import parse_json, read_table
from headpursuit.media import AUDIO, AudioPrompt, speak
from headpursuit.studies.tasks.restating import SPEAKER, TEXT, Restated, given_split, given_text, restating
from headpursuit.studies.tasks.rows import cell, text_in
from headpursuit.studies.tasks.task import Task, shipped_text

TRANSCRIPTION = "transcription"
"""The task of writing down what is heard."""


def transcription(concept: str, data: str = "") -> Task:
    """The task of writing down sentences that hold a word of a concept.

    Args:
        concept: Its name, or a file of words.
        data: A table of recordings: columns `audio_path` and `text`, and maybe `split` and `speaker`. Those without a
            word of the concept measure damage. Without one, sentences of the package are spoken by espeak-ng.

    Raises:
        ExtraMissing: If soundfile is not installed.
        FileNotFoundError: If the table, a recording, the concept or espeak-ng is missing.
        ValueError: If the package has no sentences with the concept, or the recordings are too few of a kind.
    """
    wanted = load_concept(concept)
    recordings = _recorded(Path(data)) if data else _spoken(wanted)
    remark = "All sentences were spoken by espeak-ng; recordings of people may give other figures."
    return restating(TRANSCRIPTION, recordings, wanted, data, () if data else (remark,))


def spoken_concepts() -> tuple[str, ...]:
    """Concepts that the package has sentences for."""
    return tuple(dict.fromkeys(row["concept"] for row in _manifest() if row["concept"]))


def _manifest() -> list[dict[str, str]]:
    return [parse_json(line) for line in shipped_text("spoken.jsonl").splitlines()]


def _spoken(concept: Concept) -> Iterator[Restated]:
    """The package's sentences with a concept, and those with none."""
    if concept.name not in spoken_concepts():
        raise ValueError(
            f"there are no sentences to speak with words of {concept.name}; choose {', '.join(spoken_concepts())}, or "
            "give recordings with what is said in them: `data`"
        )
    for number, row in enumerate(_manifest()):
        if row["concept"] in ("", concept.name):
            split: Any = row["split"] or None
            prompt = AudioPrompt(speak(row["text"], row["voice"]))
            yield Restated(prompt, row["text"], f"sentence {number + 1}", row["voice"], split)


def _recorded(table: Path) -> Iterator[Restated]:
    """The recordings of a table."""
    if not table.is_file():
        raise FileNotFoundError(
            f"there is no table {table}; transcription needs one with the columns {AUDIO.column} and {TEXT}"
        )
    for row in read_table(table):
        place = table.parent / text_in(row, AUDIO.column)
        if not place.is_file():
            raise FileNotFoundError(f"{cell(row, AUDIO.column)}: there is no sound file {place}")
        yield Restated(AudioPrompt(place), text_in(row, TEXT), place.name, given_text(row, SPEAKER), given_split(row))
