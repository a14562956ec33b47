"""Run a study: rank heads on some questions, measure base, edit and controls on others, and judge."""

from dataclasses import replace
from pathlib import Path

from headpursuit.analysis import versions
from headpursuit.concepts import load_concept
from headpursuit.models import FLAGS, LanguageModel
from headpursuit.storage import finish_folder, write_json
from headpursuit.studies.arms import ArmRunner, image_scopes, plan_arms
from headpursuit.studies.finding import captured_for, check_feasible, measured, noted, ranked_for
from headpursuit.studies.place import begin, check_place, check_same
from headpursuit.studies.progress import Progress, silent
from headpursuit.studies.results import Arm, Example, StudyConfig, StudyResult
from headpursuit.studies.settings import command, find_task
from headpursuit.studies.summaries import p_value, summarise
from headpursuit.studies.sweep import left_out, sweep
from headpursuit.studies.tasks import CAPTIONING, Task
from headpursuit.studies.thumbnails import write_thumbnails
from headpursuit.studies.verdict import judge


def study(
    model: LanguageModel,
    config: StudyConfig,
    path: Path | str,
    *,
    task: Task | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> StudyResult:
    """Find a concept's heads, rescale them, and compare with controls.

    Every finished part is kept in the folder at once, so an interrupted study goes on where it stopped.

    Args:
        model: The model.
        config: Task, edit and controls; see `StudyConfig`.
        path: The folder of the results.
        task: What `find_task(config)` returned, or a task of one's own, which `config.task` and `config.data` then only
            name.
        resume: Go on with a study of the same config in that folder.
        progress: Told about every stage.

    Raises:
        FileExistsError: If the folder exists and `resume` is not asked for.
        ValueError: If the config cannot be carried out, or differs from the one to resume.
        AnatomyError: If the model's heads cannot be certified.
    """
    if config.task == CAPTIONING:
        raise ValueError("captions are studied by headpursuit.studies.study_captions")
    task = task or find_task(config)
    if config.sweep:
        task = task.for_sweep()
    concept, other = task.words, load_concept(config.other_concept)
    if other.name == concept.name:
        raise ValueError(f"the other concept is {other.name} itself; choose another with --other-concept")
    check_place(Path(path), config, resume=resume)
    check_feasible(model, task, (concept, other), config)
    folder = begin(Path(path), config)
    check_same(model, task, (concept, other), folder)
    thumbnails = write_thumbnails(task, folder)
    captured = captured_for(model, task, config, folder, progress)
    rankings = ranked_for(model, captured, (concept, other), config, folder, progress)
    notes = noted(model, captured, config, folder, progress)
    sheet = sweep(model, task, concept, config, rankings[0], folder, progress) if config.sweep else None
    dosed = replace(config, sweep=False, heads=str(sheet.n_heads), scale=sheet.scale) if sheet else config
    scopes, remark = image_scopes(model, task, config)
    planned = plan_arms(dosed, model.anatomy, *rankings, scopes)
    arms = measured(ArmRunner(model, task, config, progress), planned, folder, progress)
    summaries = summarise(task, concept, arms, config.seed)
    p_matched, p_random = (p_value(task, arms, kind, config.seed) for kind in ("matched", "random"))
    result = StudyResult(
        config=config,
        concept=concept.name,
        model_summary=model.anatomy.summary(),
        certificate=str(model.certificate),
        command=command(config, Path(path)),
        ranking=rankings[0],
        notes=notes,
        arms=summaries,
        examples=_examples(task, arms, thumbnails),
        verdict=judge(summaries, p_matched, p_random),
        flags={flag: FLAGS[flag] for flag in sorted(model.anatomy.flags)},
        versions=versions() | {"device": model.device.type, "dtype": model.dtype},
        classes=dict(task.classes),
        sheet=sheet,
        remarks=tuple(filter(None, (*task.remarks, remark, left_out(sheet.counts, config, model) if sheet else ""))),
    )
    write_json(folder / "study.json", result.to_json())
    finish_folder(folder, "study", {"task": task.name, "model": config.model, "versions": versions()})
    return result


def _examples(task: Task, arms: list[Arm], thumbnails: dict[str, str]) -> tuple[Example, ...]:
    """Every held-out question with all answers."""
    return tuple(
        Example(
            q.text,
            q.answers,
            q.group,
            q.subject,
            {arm.name: arm.answers[i] for arm in arms},
            q.label,
            q.image_name,
            thumbnails.get(q.image_name, ""),
        )
        for i, q in enumerate(task.heldout)
    )
