"""The page of a study of answers, and its figures as Markdown."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headpursuit.report import wording
from headpursuit.report.page import Page
from headpursuit.report.parts import examples
from headpursuit.report.parts.arms import ArmDot, draw_panels
from headpursuit.report.parts.confusions import MOST_CLASSES, class_rows, confusions
from headpursuit.report.parts.study import TITLES, KeyFigure, arm_rows, study_page
from headpursuit.report.parts.thumbnails import embedded
from headpursuit.report.wording import edited, number, rate
from headpursuit.studies import StudyResult
from headpursuit.studies.judging.ladder import climbed
from headpursuit.studies.judging.steadiness import steady
from headpursuit.studies.results import ArmSummary
from headpursuit.studies.text.metrics import METRICS

_GROUPS = {"target": "target questions", "unrelated": "unrelated questions"}


def page(folder: Path) -> Page:
    """The page of the study in a folder; refused if it lacks the unedited or the edited arm."""
    result = StudyResult.load(folder)
    for kind in ("base", "edit"):
        if not result.arms_of(kind):
            raise ValueError(f"the study in {folder} has no {kind} arm; there is nothing to compare")
    return page_of(result, embedded(folder, _in_order_of_display(result)))


def page_of(result: StudyResult, thumbnails: Mapping[str, str] | None = None) -> Page:
    """The page of a study.

    Args:
        result: A finished study.
        thumbnails: Data addresses of small images, by their names in the study's folder; an image that is not among
            them is named only.
    """
    groups, panels = _groups_of(result), _panels_of(result)
    content = {
        "edit": result.edit,
        "base": result.arms_of("base")[0],
        "key_figures": _key_figures(result),
        "arm_rows": arm_rows(result.arms, lambda arm: _arm_title(arm, result)),
        "panels": panels,
        "tops": {group: _top(rows) for group, rows in panels.items()},
        "answered": {group: getattr(result.arms[0], group).exact is not None for group in groups},
        "scored": METRICS.find(result.metric).heading,
        "example_columns": examples.columns(result),
        "groups": groups,
        "confusions": confusions(result),
        "most_classes": MOST_CLASSES,
        "class_rows": class_rows(result),
        "examples": {group: examples.examples_of(result, group) for group in groups},
        "examples_shown": examples.SHOWN,
        "examples_rule": examples.RULE,
        "steady": steady(result.steadiness) if result.steadiness else "",
        "climbed": tuple(climbed(result.ladder)),
        "ladder_arms": [arm.name for arm in result.ladder[0].arms[2:]] if result.ladder else [],
        "thumbnails": thumbnails or {},
    }
    outcome, edited = result.verdict.outcome, result.edit.heads
    return study_page(result, "pages/answers.html.j2", outcome, edited, content, lambda: draw_arms(result))


def draw_arms(result: StudyResult) -> Any:
    """The score of every arm with its interval, as a figure of matplotlib."""
    panels = {_GROUPS[group]: rows for group, rows in _panels_of(result).items()}
    model = f"{result.concept}, {wording.short_name(result.config.model)}"
    title = f"{model}: {_dose(result)}"
    return draw_panels(panels, title, [METRICS.find(result.metric).heading, "fraction of answers that are right"])


def figures(result: StudyResult) -> str:
    """Every arm in a table of Markdown, and the verdict: a few lines for a model card."""
    rows = [
        f"| {_arm_title(arm, result)} | {arm.target.score} | {arm.unrelated.score if arm.unrelated else '–'} "
        f"| {arm.target.concept_rate} | {arm.target.empty:.0%} | {arm.target.repetition:.0%} "
        f"| {wording.amount(arm.damage.perplexity)} | {arm.damage.kl:.3f} |"
        for arm in result.arms
    ]
    scored = METRICS.find(result.metric).heading
    return "\n".join(
        [
            f"Task {result.config.task}, held-out questions (95 % intervals); target: {scored}. Controls are random "
            "heads and, where there is one, the best heads for another concept. Damage: target answers without a word, "
            "word pairs repeated, perplexity on neutral text, and how far its next-token distributions move (KL).",
            "",
            "| arm | target questions | unrelated questions | naming the concept at all | no answer | repeated | "
            "perplexity | KL |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            f"Verdict: {result.verdict.outcome}. {result.verdict.sentence}",
            "",
            f"Measured with `{result.command}`.",
        ]
    )


def _groups_of(result: StudyResult) -> tuple[str, ...]:
    """The groups of questions that the study has."""
    return tuple(group for group in _GROUPS if getattr(result.arms[0], group) is not None)


def _panels_of(result: StudyResult) -> dict[str, tuple[ArmDot, ...]]:
    """The score of every arm, by group."""
    return {
        group: tuple((arm.kind, arm.name, getattr(arm, group).score) for arm in result.arms)
        for group in _groups_of(result)
    }


def _in_order_of_display(result: StudyResult) -> list[str]:
    """The images' names: what is seen at once, then what is folded away."""
    groups = [examples.examples_of(result, group) for group in _groups_of(result)]
    first = [e for group in groups for e in group[: examples.SHOWN]]
    return [e.thumbnail for e in first + [e for group in groups for e in group[examples.SHOWN :]]]


def _top(rows: Sequence[ArmDot]) -> float:
    """The end of a panel: 1 for fractions."""
    return max([1.0, *(math.ceil(estimate.high * 4) / 4 for _, _, estimate in rows)])


def _arm_title(arm: ArmSummary, result: StudyResult) -> str:
    """An arm's edit, in words; or what was done in place of one."""
    if arm.baseline is not None:
        return str(arm.baseline)
    drawn = "random heads, same layers" if arm.name.endswith("-matched") else "ranked heads"
    return {
        **TITLES,
        "edit": ("grown: " if result.grown else "ranked: ") + _dose(result),
        "dose": f"{len(arm.heads)} {drawn}",
        "other": f"best heads for {result.config.other_concept}",
    }[arm.kind]


def _key_figures(result: StudyResult) -> list[KeyFigure]:
    """Figures for a reader in a hurry."""
    base, edit = result.arms_of("base")[0], result.edit
    n_heads, target = len(result.ranking.entries), base.target.score.value
    found = [
        KeyFigure("heads edited", str(len(edit.heads)), f"{wording.share(len(edit.heads), n_heads)} of {n_heads}"),
        _before_after(f"target: {METRICS.find(result.metric).counted}", target, edit.target.score.value),
    ]
    if base.unrelated and edit.unrelated:
        kept = base.unrelated.score.value, edit.unrelated.score.value
        found.append(_before_after("unrelated questions answered correctly", *kept))
    scales = sorted(set(result.rescaled.values()))
    note = _scale_note(scales[-1], result.config.scope) if len(scales) == 1 else "one scale for each head"
    found.append(KeyFigure("their scale", ", ".join(map(number, scales)), note))
    rates = [arm.target.score.value for arm in result.arms_of("matched")]
    if rates:
        spread = f"same layers; {len(rates)} draws, {rate(min(rates))} to {rate(max(rates))}"
        value = f"{rate(target)} → {rate(wording.mean(rates))}"
        found.append(KeyFigure("target with random heads instead", value, spread))
    named = base.target.concept_rate.value, edit.target.concept_rate.value
    return [*found, _before_after("target outputs naming the concept at all", *named)]


def _before_after(label: str, before: float, after: float) -> KeyFigure:
    change = round(100 * (after / before - 1)) if before else 0
    note = f"{abs(change)} % {'less' if change < 0 else 'more'} than unedited" if change else "unchanged"
    return KeyFigure(label, f"{rate(before)} → {rate(after)}", note if before else "the base has none")


def _dose(result: StudyResult) -> str:
    """The edit in a few words: `2 heads × -1`, or each head with its scale."""
    edit = result.rescaled
    if len(set(edit.values())) == 1:
        return f"{len(edit)} {'head' if len(edit) == 1 else 'heads'} × {number(next(iter(edit.values())))}"
    return edited(edit)


def _scale_note(scale: float, scope: str) -> str:
    done = "kept" if scale == 1 else "weakened" if 0 < scale < 1 else "enhanced"
    if scale <= 0:
        done = "reversed" if scale < 0 else "removed"
    return f"what the heads write is {done}" + ("" if scope == "all" else f"; scope: {scope}")
