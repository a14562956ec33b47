"""Tasks whose models write what they hear, or what they read in another language: a concept's words, and all others.

What is asked of a sentence is one question about the concept's word, and some about others of the same sentence: one
transcript, or translation, answers all of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from headpursuit.concepts import Concept
from headpursuit.files import is_blank
from headpursuit.media import Passage, Prompt
from headpursuit.studies.tasks.declarations import one_of
from headpursuit.studies.tasks.numerals import with_numerals
from headpursuit.studies.tasks.rows import cell
from headpursuit.studies.tasks.task import Group, Question, Split, Task
from headpursuit.studies.text.phrases import phrases
from headpursuit.words import words

OTHERS = 3
"""Other words of a sentence that are asked for, at most: the longest."""

TEXT, SPLIT, SPEAKER = "text", "split", "speaker"
"""Columns of a table of recordings; the first may be called otherwise, the others may be missing."""

_LEAST_LETTERS = 4
"""Letters of another word; shorter ones are said in passing."""

_IN_PASSING = frozenset(
    ("about", "after", "again", "before", "behind", "beside", "during", "from", "into", "last", "many", "there")
    + ("through", "under", "were", "with")
)
"""Longer ones that are."""

_DEALT: tuple[Split, ...] = ("ranking", "heldout", "selection", "heldout")
"""Splits of sentences whose table has none, in turns, for each word."""


@dataclass(frozen=True, eq=False)
class Restated:
    """A sentence to be heard or read, and to be written."""

    prompt: Prompt
    text: str
    """The sentence, as it should be written."""
    name: str = ""
    """The recording's."""
    speaker: str = ""
    split: Split | None = None


def restating(
    name: str, sentences: Iterable[Restated], concept: Concept, data: str = "", remarks: tuple[str, ...] = ()
) -> Task:
    """The task of writing sentences of which some hold a word of a concept; damage is measured on all others.

    Args:
        name: The task's.
        sentences: Heard or read, and how they should be written.
        concept: The concept.
        data: Where they come from, for errors.
        remarks: Said to readers of its figures.

    Raises:
        ValueError: If there are too few of a kind.
    """
    named = phrases(concept.words)
    questions: list[Question] = []
    passages: list[Passage] = []
    turns: dict[str, int] = {}
    for sentence in sentences:
        found = next(named.matches(sentence.text), None)
        if found is None:
            passages.append(Passage(sentence.prompt, sentence.text))
            continue
        word = sentence.text[found.start : found.end]
        turn = turns[word.casefold()] = turns.get(word.casefold(), -1) + 1
        questions += _questions(sentence, word, sentence.split or _DEALT[turn % len(_DEALT)], concept)
    where = data or name
    for split in ("ranking", "heldout"):
        if not any(q.split == split for q in questions):
            raise ValueError(
                f"{where}: no {split} sentence has a word of {concept.name}; heads are ranked on some and measured on "
                "others: give more, or another concept"
            )
    if not passages:
        raise ValueError(
            f"{where}: every sentence has a word of {concept.name}; damage is measured on some that have none: give "
            "such"
        )
    return Task(name, concept, tuple(questions), tuple(passages), remarks=remarks)


def _questions(sentence: Restated, word: str, split: Split, concept: Concept) -> Iterator[Question]:
    def asked(answers: tuple[str, ...], group: Group, subject: str, fact: str) -> Question:
        return Question(
            sentence.prompt,
            answers,
            group,
            subject,
            fact,
            split,
            image_name=sentence.name,
            reference=sentence.text,
        )

    yield asked(with_numerals(word), "target", sentence.speaker or "sentences", word.casefold())
    for other in _others(sentence.text, concept):
        yield asked((other,), "unrelated", "other words", sentence.text)


def _others(text: str, concept: Concept) -> list[str]:
    """The longest words of a sentence that are none of the concept, in their order."""
    named = phrases(concept.words)
    plain = [word for word in dict.fromkeys(words(text)) if len(word) >= _LEAST_LETTERS and word not in _IN_PASSING]
    apart = [word for word in plain if next(named.matches(word), None) is None]
    longest = set(sorted(apart, key=len, reverse=True)[:OTHERS])
    return [word for word in apart if word in longest]


def given_text(row: Mapping[str, Any], name: str) -> str:
    """A row's text in a column that may be missing or empty."""
    value = row.get(name)
    return value if isinstance(value, str) and not is_blank(value) else ""


def given_split(row: Mapping[str, Any]) -> Split | None:
    """A row's split, if its table says so.

    Raises:
        ValueError: If it is none.
    """
    value = row.get(SPLIT)
    if value is None or (isinstance(value, str) and is_blank(value)):
        return None
    found: Split = one_of(get_args(Split), value, cell(row, SPLIT))
    return found
