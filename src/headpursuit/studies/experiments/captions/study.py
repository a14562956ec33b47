"""Run a study of captions: find a concept's heads, a dose for each direction, and measure both beside controls."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from headpursuit.analysis import Ranking
from headpursuit.concepts import Concept, load_concept
from headpursuit.heads import Edit
from headpursuit.models import LanguageModel
from headpursuit.studies.arms import ArmRunner, image_scopes
from headpursuit.studies.dates import dated
from headpursuit.studies.experiments.captions.figures import CaptionArm
from headpursuit.studies.experiments.captions.judging import CaptionThresholds, judge
from headpursuit.studies.experiments.captions.plan import direction_of, plan_caption_arms
from headpursuit.studies.experiments.captions.result import KIND, CaptionExample, CaptioningResult
from headpursuit.studies.experiments.captions.scoring import CaptionScorer
from headpursuit.studies.experiments.captions.sheets import CaptionSheet, cell_of, sheet_of
from headpursuit.studies.finding import described, find_heads, measured
from headpursuit.studies.progress import Progress, silent
from headpursuit.studies.results import Arm, StudyConfig, Verdict
from headpursuit.studies.settings import find_task
from headpursuit.studies.sweep import DoseRunner, dose_edits, dose_name, doses_left_out, sweep_questions
from headpursuit.studies.tasks import CAPTIONING, Direction, Task

_ALWAYS_COUNTED = ("colours", "numbers", "shapes")
"""Concepts that captions of most images name."""


def study_captions(
    model: LanguageModel,
    config: StudyConfig,
    path: Path | str,
    *,
    task: Task | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> CaptioningResult:
    """Switch a concept down and up in a model's captions, and compare with controls.

    Every finished part is kept in the folder at once, so an interrupted study goes on where it stopped.

    Args:
        model: A vision-language model.
        config: Images, concept, doses and controls; see `usual_config("captioning", ...)`.
        path: The folder of the results.
        task: What `find_task(config)` returned, or a task of one's own whose questions ask for captions and have the
            references as answers; `config.data` and `config.concept` then only name it.
        resume: Go on with a study of the same config in that folder.
        progress: Told about every stage.

    Raises:
        FileExistsError: If the folder exists and `resume` is not asked for.
        ValueError: If the config cannot be carried out, or differs from the one to resume.
        AnatomyError: If the model's heads cannot be certified.
    """
    if config.task != CAPTIONING:
        raise ValueError(f"{config.task} is no study of captions; run it with headpursuit.study")
    config = dated(model, config, Path(path), chat=config.chat)
    task = (task or find_task(config)).split_for(sweep=True)
    lines = thresholds_of(config)
    found = find_heads(KIND, model, task, config, Path(path), resume=resume, progress=progress)
    sheets = caption_sheets(model, task, found.concept, config, found.rankings[0], found.folder, progress)
    scopes, remark = image_scopes(model, task, config)
    planned = plan_caption_arms(config, model.anatomy, found.rankings, sheets, scopes)
    arms = measured(ArmRunner(model, task, config, progress), planned, found.folder, progress)
    scorer = CaptionScorer(task.heldout, found.concept, _others(found.concept, found.other), config.seed)
    figures = tuple(scorer.figures(arm, arms[0], direction_of(arm.name)) for arm in arms)
    left_out = doses_left_out(sheets["suppress"].counts, config, model)
    result = CaptioningResult(
        **described(model, config, found),
        words=found.concept.words,
        request=task.heldout[0].text,
        sheets=sheets,
        arms=figures,
        verdicts={direction: _judged(direction, scorer, arms, figures, lines) for direction in sheets},
        examples=_examples(task, arms, found.thumbnails),
        remarks=tuple(filter(None, (*task.remarks, remark, left_out))),
    )
    return KIND.finish(found.folder, result, task=task.name, model=config.model)


def thresholds_of(config: StudyConfig) -> CaptionThresholds:
    """Where the lines are drawn: effect and damage are asked for, the rest is fixed."""
    return CaptionThresholds(needed_fall=config.effect, needed_rise=config.effect, kept_cider=1 - config.damage)


def caption_sheets(
    model: LanguageModel,
    task: Task,
    concept: Concept,
    config: StudyConfig,
    ranking: Ranking,
    folder: Path,
    progress: Progress,
) -> dict[Direction, CaptionSheet]:
    """Measure every dose of both directions on selection images, and choose one of each.

    Raises:
        ValueError: If no dose can be controlled.
    """
    doses: Mapping[Direction, list[Edit]] = {
        "suppress": dose_edits(model, config, ranking),
        "enhance": dose_edits(model, replace(config, scales=config.enhance_scales), ranking),
    }
    runner = DoseRunner(model, task, concept, config, folder, progress)
    runner.doses.total = 1 + sum(map(len, doses.values()))
    lines = thresholds_of(config)
    scorer = CaptionScorer(sweep_questions(task, config), concept, (), config.seed)
    base = runner.arm("base", "base", Edit({}))
    before = scorer.figures(base, base)
    sheets: dict[Direction, CaptionSheet] = {}
    for direction, edits in doses.items():
        arms = [runner.arm(dose_name(edit), "dose", edit) for edit in edits]
        cells = [cell_of(direction, before, scorer.figures(arm, base, direction), lines) for arm in arms]
        sheets[direction] = sheet_of(direction, before, cells, lines)
    return sheets


def _others(concept: Concept, other: Concept) -> list[Concept]:
    """Concepts that should stay as they are: the other one, and those that most captions name."""
    names = [name for name in _ALWAYS_COUNTED if name not in (concept.name, other.name)]
    return [other, *map(load_concept, names)]


def _judged(
    direction: Direction,
    scorer: CaptionScorer,
    arms: Sequence[Arm],
    figures: Sequence[CaptionArm],
    lines: CaptionThresholds,
) -> Verdict:
    own = [arm for arm in arms if direction_of(arm.name) == direction]
    edit = next(arm for arm in own if arm.kind == "edit")
    drawn = ([arm for arm in own if arm.kind == kind] for kind in ("matched", "random"))
    p_matched, p_random = (scorer.p_value(direction, arms[0], edit, controls) for controls in drawn)
    return judge(direction, figures, p_matched, p_random, lines)


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
