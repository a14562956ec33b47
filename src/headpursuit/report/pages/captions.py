"""The page of a study of captions."""

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from headpursuit.report.page import Page
from headpursuit.report.parts.arms import ArmDot, draw_panels
from headpursuit.report.parts.study import TITLES, KeyFigure, arm_rows, study_page
from headpursuit.report.parts.thumbnails import embedded
from headpursuit.report.wording import number, rate, short_name
from headpursuit.studies.experiments.captions import CaptionExample, CaptioningResult
from headpursuit.studies.judging.terms import WORDS
from headpursuit.studies.results import ArmKind, CaptionArm
from headpursuit.studies.tasks import Direction
from headpursuit.studies.text.captions import segments

SHOWN = 12
"""Images shown before the rest is folded away."""

MOST = 200
"""Images on the page, folded away or not."""

RULE = (
    "The order is that of the SHA-256 of the images’ names, so that nobody could have picked them. Of the controls, "
    "the first draw of random heads of the same layers is shown."
)
"""The choice of images, in the words of the page."""

NOUNS: dict[Direction, str] = {direction: words.noun for direction, words in WORDS.items()}


def page(folder: Path) -> Page:
    """The page of the study in a folder."""
    result = CaptioningResult.load(folder)
    return page_of(result, embedded(folder, [image.thumbnail for image in images_of(result)]))


def page_of(result: CaptioningResult, thumbnails: Mapping[str, str] | None = None) -> Page:
    """The page of a study.

    Args:
        result: A finished study.
        thumbnails: Data addresses of small images, by their names in the study's folder; an image that is not among
            them is named only.
    """
    edited = frozenset(head for direction in result.verdicts for head in result.edit(direction).heads)
    outcomes = " and ".join(f"{NOUNS[name]} {verdict.outcome}" for name, verdict in result.verdicts.items())
    content = {
        "thumbnails": thumbnails or {},
        "nouns": NOUNS,
        "key_figures": [each for direction in result.verdicts for each in _key_figures(result, direction)],
        "arm_rows": arm_rows(result.arms, lambda arm: _arm_title(arm, result)),
        "other_names": tuple(result.base.others),
        "panels": _panels(result),
        "caption_columns": columns(result),
        "images": images_of(result),
        "segments": partial(segments, concept=result.words),
        "images_shown": SHOWN,
        "images_rule": RULE,
    }
    return study_page(result, "pages/captions.html.j2", outcomes, edited, content, lambda: draw_arms(result))


def draw_arms(result: CaptioningResult) -> Any:
    """The fraction of every arm's captions that names the concept, with its interval, as a figure of matplotlib."""
    both = {NOUNS[direction]: rows for direction, rows in _panels(result).items()}
    title = f"{result.concept}, {short_name(result.config.model)}"
    return draw_panels(both, title, ["fraction of captions that name the concept"] * len(both))


def columns(result: CaptioningResult) -> tuple[str, ...]:
    """The arms set side by side: base, both edits, and a draw of random heads for each."""
    kinds: tuple[ArmKind, ...] = ("edit", "matched")
    found = [result.arms_of(direction, kind)[:1] for kind in kinds for direction in result.verdicts]
    return (result.base.name, *(arm.name for arms in found for arm in arms))


def images_of(result: CaptioningResult) -> list[CaptionExample]:
    """At most `MOST` images in the order of `RULE`."""
    ordered = sorted(result.examples, key=lambda e: hashlib.sha256(e.image_name.encode("utf-8", "replace")).hexdigest())
    return ordered[:MOST]


def _panels(result: CaptioningResult) -> dict[Direction, tuple[ArmDot, ...]]:
    """Kind, name and naming fraction of the base and every arm of each direction."""
    return {
        direction: tuple((arm.kind, arm.name, arm.naming) for arm in (result.base, *result.arms_of(direction)))
        for direction in result.verdicts
    }


def _key_figures(result: CaptioningResult, direction: Direction) -> tuple[KeyFigure, ...]:
    """Figures of one direction, for a reader in a hurry."""
    base, edit, noun = result.base, result.edit(direction), NOUNS[direction]
    before, after = base.frequency.value, edit.frequency.value
    ratio = f"{after / before:.2f} times the unedited model’s" if before else "the unedited model has none"
    heads = f"{len(edit.heads)} of {len(result.ranking.entries)} heads × {number(result.sheets[direction].scale)}"
    without = direction == "suppress"
    ciders = [arm.cider_without.value if without else arm.cider.value for arm in (base, edit)]
    kept = edit.kept_cider(base, direction)
    return (
        KeyFigure(
            f"words of {result.concept} per caption, {noun}", f"{rate(before)} → {rate(after)}", f"{ratio}; {heads}"
        ),
        KeyFigure(
            f"CIDEr{' without these words' if without else ''}, {noun}",
            " → ".join(map(rate, ciders)),
            "the unedited model has none" if kept is None else f"{kept:.0%} kept",
        ),
    )


def _arm_title(arm: CaptionArm, result: CaptioningResult) -> str:
    """An arm's edit, in words."""
    dose = f"{len(arm.heads)} heads × {number(arm.scale)}" if arm.scale is not None else "no heads"
    return {
        **TITLES,
        "edit": f"ranked heads: {dose}",
        "dose": f"the paper’s dose: {dose}",
        "other": f"best heads for {result.config.other_concept}",
    }[arm.kind]
