"""Which answers the page shows first, chosen so that nobody could have picked them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from headpursuit.studies.results import Example, StudyResult

SHOWN = 12
"""Questions of each group shown before the rest is folded away."""

RULE = (
    "Shown first: questions whose unedited answer counts (those are what can get lost), and among "
    "them one per accepted answer before a second. Otherwise the order is that of the questions’ SHA-256. "
    "What the edit or the controls answered plays no part."
)
"""How examples are chosen, in the words of the page."""


@dataclass(frozen=True)
class ShownAnswer:
    """One arm's answer to a question."""

    arm: str
    text: str
    score: float
    """What it counts."""

    @property
    def counts(self) -> bool:
        """Whether it counts at least half."""
        return self.score >= 0.5


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
    return tuple(_shown(e, names) for e in _ordered(of_group, base))


def _ordered(examples: Sequence[Example], base: str | None) -> list[Example]:
    seen: dict[tuple[str, ...], int] = {}
    keys = {}
    for example in sorted(examples, key=_hash):
        wrong = base is None or example.scores[base] < 0.5
        repeats = seen.get(example.accepted, 0)
        keys[id(example)] = (wrong, repeats)
        if not wrong:
            seen[example.accepted] = repeats + 1
    # Sorting is stable, so the order of hashes is kept within equal keys.
    return sorted(sorted(examples, key=_hash), key=lambda e: keys[id(e)])


def _hash(example: Example) -> str:
    return hashlib.sha256((example.prompt + example.image_name).encode("utf-8", "replace")).hexdigest()


def _shown(example: Example, names: Sequence[str]) -> ShownExample:
    answers = tuple(ShownAnswer(name, example.answers[name], example.scores[name]) for name in names)
    return ShownExample(
        example.prompt, example.accepted, example.subject, answers, example.image_name, example.thumbnail
    )
