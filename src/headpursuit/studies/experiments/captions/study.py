"""Run a study of captions: find a concept's heads, a dose for each direction, and measure both beside controls."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from headpursuit.analysis import Ranking
from headpursuit.concepts import Concept, load_concept
from headpursuit.heads import Edit, parse_scope
from headpursuit.models import Anatomy, LanguageModel
from headpursuit.studies.experiments.captions.result import KIND, CaptionExample, CaptioningResult
from headpursuit.studies.experiments.captions.scoring import CaptionScorer
from headpursuit.studies.judging import decide, verdict_of
from headpursuit.studies.kernel import alone
from headpursuit.studies.kernel.progress import Progress, silent
from headpursuit.studies.measures import caption_measure
from headpursuit.studies.results import Arm, ArmKind, CaptionArm, CaptionSheet, StudyConfig
from headpursuit.studies.settings import find_task
from headpursuit.studies.steps.arms import ArmRunner, PlannedArm, all_there_are, image_scopes, plan_arms
from headpursuit.studies.steps.dates import dated
from headpursuit.studies.steps.registration import followed
from headpursuit.studies.steps.study_run import StudyRun, begin_study
from headpursuit.studies.steps.sweep import DoseRunner, dose_edits, doses_left_out, sweep_questions
from headpursuit.studies.tasks import Direction, Task

_ALWAYS_COUNTED = ("colours", "numbers", "shapes")
"""Concepts that captions of most images name."""

PAPER_SCALES: Mapping[Direction, float] = {"suppress": -1.0, "enhance": 5.0}
"""The paper's factors, for 1 % of the heads."""


@alone
def study_captions(
    model: LanguageModel,
    config: StudyConfig,
    path: Path | str,
    *,
    task: Task | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> CaptioningResult:
    """`headpursuit.study` of captions: a concept switched down and up, compared with controls."""
    config = dated(model, config, Path(path), chat=config.chat)
    task = (task or find_task(config)).split_for(sweep=True)
    run = begin_study(KIND, model, task, config, Path(path), resume=resume, progress=progress)
    sheets = caption_sheets(run)
    scopes, remark = image_scopes(model, task, config)
    planned = plan_caption_arms(config, model.anatomy, run.rankings, sheets, scopes)
    unedited: PlannedArm = ("base", "base", Edit({}))
    runner = ArmRunner(model, task, config, progress)
    arms = runner.measured([unedited, *(arm for own in planned.values() for arm in own)], run.folder)
    base, by_name = arms[0], {arm.name: arm for arm in arms}
    by_direction = {direction: [by_name[name] for name, *_ in own] for direction, own in planned.items()}
    scorer = CaptionScorer(task.heldout, run.concept, _others(run.concept, run.other), config.seed)
    figures = {
        direction: [scorer.figures(arm, base, direction) for arm in own] for direction, own in by_direction.items()
    }
    before = scorer.figures(base, base)
    whole = dict.fromkeys(all_there_are(config, own) for own in planned.values())
    left_out = doses_left_out(sheets["suppress"].counts, config, model)
    result = CaptioningResult(
        **run.described(),
        words=run.concept.words,
        request=task.heldout[0].text,
        sheets=sheets,
        arms=(before, *(arm for own in figures.values() for arm in own)),
        verdicts={
            direction: verdict_of(decide(caption_measure(direction, config), [before, *own]))
            for direction, own in figures.items()
        },
        examples=_examples(task, arms, run.thumbnails),
        remarks=tuple(filter(None, (*task.remarks, followed(run.plan, task, config), remark, left_out, *whole))),
    )
    return KIND.finish(run.folder, result, task=task.name, model=config.model)


def caption_sheets(run: StudyRun) -> dict[Direction, CaptionSheet]:
    """Measure every dose of both directions on selection images, and choose one of each.

    Raises:
        ValueError: If no dose can be controlled.
    """
    config = run.config
    doses: Mapping[Direction, list[Edit]] = {
        "suppress": dose_edits(run.model, config, run.rankings[0]),
        "enhance": dose_edits(run.model, replace(config, scales=config.enhance_scales), run.rankings[0]),
    }
    runner = DoseRunner(run, n_doses=[len(edits) for edits in doses.values()])
    scorer = CaptionScorer(sweep_questions(run.task, config), run.concept, (), config.seed)
    return {
        direction: runner.sheet(caption_measure(direction, config), partial(_figures, scorer, direction), edits)
        for direction, edits in doses.items()
    }


def plan_caption_arms(
    config: StudyConfig,
    anatomy: Anatomy,
    rankings: tuple[Ranking, Ranking],
    sheets: Mapping[Direction, CaptionSheet],
    scopes: Sequence[ArmKind] = (),
) -> dict[Direction, list[PlannedArm]]:
    """Name, kind and edit of every arm of each direction, without the base; names begin with the direction.

    Args:
        config: Scope, number of draws, and the paper's number of heads.
        anatomy: All heads of the model.
        rankings: The concept's and the other concept's.
        sheets: The dose of each direction.
        scopes: Kinds of arms that are the edit in another scope: `image`, `text`.

    Raises:
        ValueError: If an edit cannot be controlled.
    """
    planned: dict[Direction, list[PlannedArm]] = {}
    for direction, sheet in sheets.items():
        own = planned[direction] = []
        dosed = replace(config, sweep=False, heads=str(sheet.n_heads), scale=sheet.scale)
        for name, kind, edit in plan_arms(dosed, anatomy, *rankings, scopes)[1:]:
            own.append((direction if kind == "edit" else f"{direction}-{name.removeprefix('edit-')}", kind, edit))
            if kind == "edit":
                own += _paper_arm(direction, config, rankings[0], edit)
    return planned


def _paper_arm(direction: Direction, config: StudyConfig, ranking: Ranking, chosen: Edit) -> list[PlannedArm]:
    """The paper's dose, unless it is the chosen one."""
    edit = Edit(ranking.edit(config.heads, PAPER_SCALES[direction]), parse_scope(config.scope))
    return [] if edit == chosen else [(f"{direction}-paper", "dose", edit)]


def _figures(scorer: CaptionScorer, direction: Direction, *arms: Arm) -> CaptionArm:
    """Of the last arm, the base first."""
    return scorer.figures(arms[-1], arms[0], direction if len(arms) > 1 else None)


def _others(concept: Concept, other: Concept) -> list[Concept]:
    """Concepts that should stay as they are: the other one, and those that most captions name."""
    names = [name for name in _ALWAYS_COUNTED if name not in (concept.name, other.name)]
    return [other, *map(load_concept, names)]


def _examples(task: Task, arms: Sequence[Arm], thumbnails: Mapping[str, str]) -> tuple[CaptionExample, ...]:
    """Every held-out image with all captions."""
    return tuple(
        CaptionExample(
            question.image_name,
            thumbnails.get(question.image_name, ""),
            question.answers,
            {arm.name: arm.answers[i] for arm in arms},
        )
        for i, question in enumerate(task.heldout)
    )
