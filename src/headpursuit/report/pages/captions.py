"""The page of a study of captions."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headpursuit.heads import Head
from headpursuit.report import wording
from headpursuit.report.heatmap_picture import draw_heatmap
from headpursuit.report.page import Page
from headpursuit.report.parts.arms import ArmDot, draw_panels
from headpursuit.report.parts.heads import heads_script, heads_style, ranked_data, ranked_heads
from headpursuit.report.parts.sheets import sheet_table
from headpursuit.report.parts.tables import KeyFigure, settings
from headpursuit.report.parts.thumbnails import embedded
from headpursuit.report.parts.titles import TITLES
from headpursuit.report.wording import short_name
from headpursuit.studies.captions import concept_places
from headpursuit.studies.experiments.captions import CaptionExample, CaptioningResult
from headpursuit.studies.judging.terms import WORDS
from headpursuit.studies.results import ArmKind, CaptionArm, Estimate
from headpursuit.studies.tasks import Direction

SHOWN = 12
"""Images shown before the rest is folded away."""

MOST = 200
"""Images on the page, folded away or not."""

RULE = (
    "The order is that of the SHA-256 of the images’ names, so that nobody could have picked them. Of the controls, "
    "the first draw of random heads of the same layers is shown."
)
"""How images are chosen, in the words of the page."""

NOUNS: dict[Direction, str] = {direction: words.noun for direction, words in WORDS.items()}

_CONTROLS: tuple[ArmKind, ...] = ("matched", "random")


@dataclass(frozen=True)
class CaptionRow:
    """An arm with its words; `arm` is None for the mean of a kind of controls."""

    name: str
    kind: ArmKind
    title: str
    arm: CaptionArm | None
    frequency: float
    change: float
    """NaN for the base."""
    naming: float
    cider: float
    cider_without: float
    others: dict[str, float]
    length: float
    repetition: float
    empty: float
    perplexity: float
    kl: float


@dataclass(frozen=True)
class Part:
    """A piece of a caption."""

    text: str
    named: bool
    """It is a word of the concept."""


@dataclass(frozen=True)
class ShownCaption:
    """What one arm wrote; no parts if that is nothing."""

    arm: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class ShownImage:
    """One image and the captions side by side."""

    image_name: str
    thumbnail: str
    """A file in the study's folder."""
    references: tuple[str, ...]
    captions: tuple[ShownCaption, ...]


def page(folder: Path) -> Page:
    """The page of the study in a folder.

    Raises:
        FileNotFoundError: If there is no study.
        ValueError: If it is unfinished, damaged or something else.
    """
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
        "result": result,
        "settings": settings(result.config, result.ranking),
        "thumbnails": thumbnails or {},
        "nouns": NOUNS,
        "key_figures": key_figures(result),
        "arm_rows": arm_rows(result),
        "other_names": tuple(result.base.others),
        "panels": panels(result),
        "dose_tables": {direction: sheet_table(sheet) for direction, sheet in result.sheets.items()},
        "caption_columns": columns(result),
        "images": images_of(result),
        "images_shown": SHOWN,
        "images_rule": RULE,
    }
    return Page(
        "pages/captions.html.j2",
        f"{result.config.task} on {short_name(result.config.model)}: {outcomes}",
        content | ranked_heads(result.ranking, result.notes, edited),
        ranked_data(result.ranking, result.notes, edited),
        style=heads_style(),
        script=heads_script(),
        figures={
            "heatmap": lambda: draw_heatmap(result.ranking, heads=sorted(map(Head.parse, edited))),
            "arms": lambda: draw_arms(result),
        },
    )


def draw_arms(result: CaptioningResult) -> Any:
    """The fraction of every arm's captions that names the concept, with its interval, as a figure of matplotlib."""
    both = {NOUNS[direction]: rows for direction, rows in panels(result).items()}
    title = f"{result.concept}, {short_name(result.config.model)}"
    return draw_panels(both, title, ["fraction of captions that name the concept"] * len(both))


def columns(result: CaptioningResult) -> tuple[str, ...]:
    """The arms set side by side: base, both edits, and a draw of random heads for each."""
    kinds: tuple[ArmKind, ...] = ("edit", "matched")
    found = [result.arms_of(direction, kind)[:1] for kind in kinds for direction in result.verdicts]
    return (result.base.name, *(arm.name for arms in found for arm in arms))


def images_of(result: CaptioningResult) -> tuple[ShownImage, ...]:
    """At most `MOST` images in the order of `RULE`."""
    names = columns(result)
    ordered = sorted(result.examples, key=lambda e: hashlib.sha256(e.image_name.encode("utf-8", "replace")).hexdigest())
    return tuple(_shown(example, names, result.words) for example in ordered[:MOST])


def panels(result: CaptioningResult) -> dict[Direction, tuple[ArmDot, ...]]:
    """Kind, name and naming fraction of the base and every arm of each direction."""
    return {
        direction: tuple((arm.kind, arm.name, arm.naming) for arm in (result.base, *result.arms_of(direction)))
        for direction in result.verdicts
    }


def key_figures(result: CaptioningResult) -> tuple[KeyFigure, ...]:
    """What a reader in a hurry takes along."""
    base, n_heads, figures = result.base, len(result.ranking.entries), []
    for direction in result.verdicts:
        edit, noun = result.edit(direction), NOUNS[direction]
        before, after = base.frequency.value, edit.frequency.value
        ratio = f"{after / before:.2f} times the unedited model’s" if before else "the unedited model has none"
        figures.append(
            KeyFigure(
                f"words of {result.concept} per caption, {noun}",
                f"{wording.rate(before)} → {wording.rate(after)}",
                f"{ratio}; {len(edit.heads)} of {n_heads} heads × {wording.number(result.sheets[direction].scale)}",
            )
        )
        without = direction == "suppress"
        ciders = [arm.cider_without.value if without else arm.cider.value for arm in (base, edit)]
        kept_cider = edit.kept_cider(base, direction)
        kept = "the unedited model has none" if kept_cider is None else f"{kept_cider:.0%} kept"
        label = f"CIDEr{' without these words' if without else ''}, {noun}"
        figures.append(KeyFigure(label, f"{wording.rate(ciders[0])} → {wording.rate(ciders[1])}", kept))
    return tuple(figures)


def arm_rows(result: CaptioningResult) -> tuple[CaptionRow, ...]:
    """Every arm in the study's order, and after each kind of controls their mean."""
    rows: list[CaptionRow] = []
    for i, arm in enumerate(result.arms):
        rows.append(_row(arm.name, arm_title(arm, result), [arm], arm))
        following = result.arms[i + 1] if i + 1 < len(result.arms) else None
        last = following is None or (following.kind, following.direction) != (arm.kind, arm.direction)
        if last and arm.direction and arm.kind in _CONTROLS:
            alike = result.arms_of(arm.direction, arm.kind)
            if len(alike) > 1:
                rows.append(_row(f"mean of {arm.direction}-{arm.kind}", f"{len(alike)} draws", alike, None))
    return tuple(rows)


def arm_title(arm: CaptionArm, result: CaptioningResult) -> str:
    """What an arm does, in words."""
    dose = f"{len(arm.heads)} heads × {wording.number(arm.scale)}" if arm.scale is not None else "no heads"
    return {
        "edit": f"ranked heads: {dose}",
        "dose": f"the paper’s dose: {dose}",
        "other": f"best heads for {result.config.other_concept}",
    }.get(arm.kind) or TITLES[arm.kind]


def _row(name: str, title: str, arms: Sequence[CaptionArm], arm: CaptionArm | None) -> CaptionRow:
    def mean(field: str) -> float:
        values = [getattr(each, field) for each in arms]
        return wording.mean([value.value if isinstance(value, Estimate) else value for value in values])

    changes = [each.frequency_change.value for each in arms if each.frequency_change]
    plain = ("frequency", "naming", "cider", "cider_without", "length", "repetition", "empty")
    return CaptionRow(
        name=name,
        kind=arms[0].kind,
        title=title,
        arm=arm,
        change=wording.mean(changes),
        others={other: wording.mean([each.others[other].value for each in arms]) for other in arms[0].others},
        perplexity=wording.mean([each.damage.perplexity for each in arms]),
        kl=wording.mean([each.damage.kl for each in arms]),
        **{field: mean(field) for field in plain},
    )


def _shown(example: CaptionExample, names: Sequence[str], words: Sequence[str]) -> ShownImage:
    captions = tuple(ShownCaption(name, _parts(wording.answer(example.captions[name]), words)) for name in names)
    return ShownImage(example.image_name, example.thumbnail, example.references, captions)


def _parts(text: str, words: Sequence[str]) -> tuple[Part, ...]:
    """A caption cut where it names the concept."""
    parts, start = [], 0
    for first, behind in concept_places(text, words):
        parts += [Part(text[start:first], False), Part(text[first:behind], True)]
        start = behind
    return tuple(part for part in (*parts, Part(text[start:], False)) if part.text)
