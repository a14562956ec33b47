"""The answers that the page shows first, chosen so that nobody could have picked them."""

import hashlib
from collections.abc import Sequence

from headpursuit.studies.results import Example, StudyResult

SHOWN = 12
"""Questions of each group shown before the rest is folded away."""

RULE = (
    "Shown first: questions whose unedited answer counts (those are what can get lost), and among "
    "them one per accepted answer before a second. Otherwise the order is that of the questions’ SHA-256. "
    "What the edit or the controls answered plays no part."
)
"""The choice of examples, in the words of the page."""


def columns(result: StudyResult) -> tuple[str, ...]:
    """The arms set side by side: base, edit, the first draw of each kind of random heads, and others if there are."""
    found = (result.arms_of(kind) for kind in ("base", "edit", "matched", "random", "prompt", "direction"))
    return tuple(arms[0].name for arms in found if arms)


def examples_of(result: StudyResult, group: str) -> list[Example]:
    """All questions of a group in the order of `RULE`."""
    base = next((arm.name for arm in result.arms_of("base")), None)
    return _ordered([e for e in result.examples if e.group == group], base)


def _ordered(examples: Sequence[Example], base: str | None) -> list[Example]:
    seen: dict[tuple[str, ...], int] = {}
    keys = {}
    by_hash = sorted(examples, key=_hash)
    for example in by_hash:
        wrong = base is None or example.scores.get(base, 0.0) < 0.5
        repeats = seen.get(example.accepted, 0)
        keys[id(example)] = (wrong, repeats)
        if not wrong:
            seen[example.accepted] = repeats + 1
    # Sorting is stable, so the order of hashes is kept within equal keys.
    return sorted(by_hash, key=lambda e: keys[id(e)])


def _hash(example: Example) -> str:
    return hashlib.sha256((example.prompt + example.image_name).encode("utf-8", "replace")).hexdigest()
