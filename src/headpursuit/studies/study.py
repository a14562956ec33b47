"""Run a study: rank heads on some questions, measure base, edit and controls on others, and judge."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from headpursuit.analysis import Capture, CaptureConfig, RankConfig, Ranking, capture, count_of, explain, rank, versions
from headpursuit.concepts import Concept, load_concept
from headpursuit.heads import Edit
from headpursuit.models import FLAGS, LanguageModel, batches, tokens_of
from headpursuit.storage import finish_folder, write_json
from headpursuit.studies.arms import ArmRunner, PlannedArm, image_scopes, plan_arms
from headpursuit.studies.doses import head_counts
from headpursuit.studies.place import begin, check_model, check_place, kept
from headpursuit.studies.progress import Progress, silent
from headpursuit.studies.results import Arm, ArmKind, DoseSheet, Example, HeadNote, StudyConfig, StudyResult
from headpursuit.studies.settings import command, find_task
from headpursuit.studies.summaries import p_value, summarise
from headpursuit.studies.sweep import sweep
from headpursuit.studies.tasks import Task
from headpursuit.studies.thumbnails import write_thumbnails
from headpursuit.studies.verdict import judge

_NOTE_ATOMS = 5
"""Tokens that name each head in the report."""


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
    task = task or find_task(config)
    if config.sweep:
        task = task.for_sweep()
    concept, other = task.words, load_concept(config.other_concept)
    if other.name == concept.name:
        raise ValueError(f"the other concept is {other.name} itself; choose another with --other-concept")
    check_place(Path(path), config, resume=resume)
    _check_feasible(model, task, (concept, other), config)
    folder = begin(Path(path), config)
    check_model(model, folder)
    thumbnails = write_thumbnails(task, folder)
    captured = _captured(model, task, config, folder, progress)
    rankings = _ranked(model, captured, (concept, other), config, folder, progress)
    notes = _noted(model, captured, config, folder, progress)
    sheet = sweep(model, task, concept, config, rankings[0], folder, progress) if config.sweep else None
    dosed = replace(config, sweep=False, heads=str(sheet.n_heads), scale=sheet.scale) if sheet else config
    scopes, remark = image_scopes(model, task, config)
    planned = plan_arms(dosed, model.anatomy, *rankings, scopes)
    arms = _measured(ArmRunner(model, task, config, progress), planned, folder, progress)
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
        remarks=tuple(filter(None, (*task.remarks, remark, _left_out(sheet, config, model)))),
    )
    write_json(folder / "study.json", result.to_json())
    finish_folder(folder, "study", {"task": task.name, "model": config.model, "versions": versions()})
    return result


def _check_feasible(model: LanguageModel, task: Task, concepts: tuple[Concept, Concept], config: StudyConfig) -> None:
    """Find out before anything is written whether heads, controls, words and prompts fit the model."""
    n_heads = model.anatomy.n_heads
    for wanted in head_counts(config, n_heads) if config.sweep else (count_of(config.heads, n_heads),):
        if 2 * wanted > n_heads:
            raise ValueError(
                f"{wanted} of {n_heads} heads leave too few for random controls; edit at most {n_heads // 2}"
            )
    for heads in config.also_heads:
        count_of(heads, n_heads)
    for concept in concepts:
        tokens_of(model, concept, config.ranking.multi_token)
    for prompts in ([q.prompt for q in task.heldout], task.ranking_prompts):
        batches(model, prompts, config.batch_size, chat=config.chat, room=config.max_new_tokens)
    batches(model, task.neutral_texts, config.batch_size)


def _captured(model: LanguageModel, task: Task, config: StudyConfig, folder: Path, progress: Progress) -> Capture:
    """Capture the ranking prompts."""
    if not (folder / "capture").exists():
        settings = CaptureConfig(
            positions=config.positions,
            chat=config.chat,
            max_new_tokens=config.max_new_tokens,
            batch_size=config.batch_size,
            samples=1000 if config.ranking.rule == "l1" else 0,
        )
        captured = capture(model, task.ranking_prompts, settings, progress=partial(progress, "capture"))
        captured.save(folder / "capture")
    return Capture.load(folder / "capture")


def _ranked(
    model: LanguageModel,
    captured: Capture,
    concepts: tuple[Concept, Concept],
    config: StudyConfig,
    folder: Path,
    progress: Progress,
) -> tuple[Ranking, Ranking]:
    """Rank all heads for both concepts, on the same prompts."""
    rankings = []
    for concept, file in zip(concepts, ("ranking.json", "other-ranking.json"), strict=True):
        progress(f"rank {concept.name}", 0, 1)
        make = partial(_rank, model, captured, concept, config.ranking)
        rankings.append(Ranking.from_json(kept(folder / file, make)))
        progress(f"rank {concept.name}", 1, 1)
    return rankings[0], rankings[1]


def _rank(model: LanguageModel, captured: Capture, concept: Concept, config: RankConfig) -> dict[str, Any]:
    return rank(model, captured, concept, config).to_json()


def _noted(
    model: LanguageModel, captured: Capture, config: StudyConfig, folder: Path, progress: Progress
) -> tuple[HeadNote, ...]:
    """Name every head by its first tokens over the whole vocabulary, read as the ranking reads it."""

    def note() -> list[dict[str, object]]:
        how = config.ranking
        found = explain(model, captured, n_atoms=_NOTE_ATOMS, rule=how.rule, centre=how.centre, gain=how.gain)
        return [{"head": str(e.head), "tokens": e.tokens, "explained": e.explained} for e in found]

    progress("name heads", 0, 1)
    content = kept(folder / "notes.json", note)
    progress("name heads", 1, 1)
    return tuple(HeadNote(n["head"], tuple(n["tokens"]), tuple(n["explained"])) for n in content)


def _measured(runner: ArmRunner, planned: list[PlannedArm], folder: Path, progress: Progress) -> list[Arm]:
    """Run every arm, or read it back."""
    (folder / "arms").mkdir(exist_ok=True)
    arms = []
    for number, (name, kind, edit) in enumerate(planned):
        progress("arms", number, len(planned))
        content = kept(folder / "arms" / f"{name}.json", partial(_run, runner, name, kind, edit))
        arms.append(Arm.from_json(content))
    progress("arms", len(planned), len(planned))
    return arms


def _run(runner: ArmRunner, name: str, kind: ArmKind, edit: Edit) -> dict[str, Any]:
    return runner.run(name, kind, edit).to_json()


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


def _left_out(sheet: DoseSheet | None, config: StudyConfig, model: LanguageModel) -> str:
    """Which doses no draw of random heads could be set beside, in words."""
    if sheet is None:
        return ""
    measured = {cell.n_heads for cell in sheet.cells}
    missing = [str(count) for count in head_counts(config, model.anatomy.n_heads) if count not in measured]
    return (
        f"Doses of {', '.join(missing)} heads were left out: they take so many of one layer that no random heads of it "
        "are left to compare with."
        if missing
        else ""
    )
