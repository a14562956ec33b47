"""Which answers the page shows first, chosen so that nobody could have picked them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from headpursuit.studies.metrics import is_right
from headpursuit.studies.results import Example, StudyResult

SHOWN = 12
"""Questions of each group shown before the rest is folded away."""

RULE = (
    "Shown first: questions the unedited model answers correctly, because only those can get lost, and among "
    "them one per accepted answer before a second. Otherwise the order is that of the questions’ SHA-256. "
    "What the edit or the controls answered plays no part."
)
"""How examples are chosen, in the words of the page."""


@dataclass(frozen=True)
class ShownAnswer:
    """One arm's answer to a question."""

    arm: str
    text: str
    correct: bool
    """It is right, as the study counts."""


@dataclass(frozen=True)
class ShownExample:
    """One question and the answers side by side."""

    prompt: str
    accepted: tuple[str, ...]
    subject: str
    answers: tuple[ShownAnswer, ...]
    image_name: str
    """Empty where no image is asked about."""
    thumbnail: str
    """A file in the study's folder."""


def columns(result: StudyResult) -> tuple[str, ...]:
    """The arms set side by side: base, edit, and the first draw of each kind of random heads."""
    found = (result.arms_of(kind) for kind in ("base", "edit", "matched", "random"))
    return tuple(arms[0].name for arms in found if arms)


def examples_of(result: StudyResult, group: str) -> tuple[ShownExample, ...]:
    """All questions of a group in the order of `RULE`."""
    names = columns(result)
    base = next((arm.name for arm in result.arms_of("base")), None)
    of_group = [e for e in result.examples if e.group == group]
    return tuple(_shown(e, names, result) for e in _ordered(of_group, base, result))


def _ordered(examples: Sequence[Example], base: str | None, result: StudyResult) -> list[Example]:
    seen: dict[tuple[str, ...], int] = {}
    keys = {}
    for example in sorted(examples, key=_hash):
        wrong = base is None or not _right(example, base, result)
        repeats = seen.get(example.accepted, 0)
        keys[id(example)] = (wrong, repeats)
        if not wrong:
            seen[example.accepted] = repeats + 1
    # Sorting is stable, so the order of hashes is kept within equal keys.
    return sorted(sorted(examples, key=_hash), key=lambda e: keys[id(e)])


def _hash(example: Example) -> str:
    return hashlib.sha256((example.prompt + example.image_name).encode("utf-8", "replace")).hexdigest()


def _right(example: Example, arm: str, result: StudyResult) -> bool:
    return bool(is_right(example.answers[arm], example.accepted, example.label, result.classes))


def _shown(example: Example, names: Sequence[str], result: StudyResult) -> ShownExample:
    answers = tuple(ShownAnswer(name, example.answers[name], _right(example, name, result)) for name in names)
    return ShownExample(
        example.prompt, example.accepted, example.subject, answers, example.image_name, example.thumbnail
    )
